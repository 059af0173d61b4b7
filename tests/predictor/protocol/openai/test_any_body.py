"""Bodies that nobody foresaw: decoded or refused, and never spelled where they hold a prompt."""

from contextlib import suppress

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictor.config import Limits
from predictor.errors import InvalidRequest
from predictor.protocol.openai.chat import decode_chat
from predictor.protocol.openai.completions import decode_completion
from predictor.protocol.openai.forms import FIELDS

USER = {"role": "user", "content": "hi"}
CHAT = {"model": "r1", "messages": [USER]}
TEXT = {"model": "r1", "prompt": "2+2="}
SECRET = "SESAME"
MISPLACED = [
    {"messages": SECRET},
    {"messages": [SECRET]},
    {"messages": [{"role": SECRET, "content": "user"}]},
    {"messages": [{"role": "user", "content": {"text": SECRET}}]},
    {"messages": [{"role": "user", "content": [SECRET]}]},
    {"messages": [{"role": "user", "content": [{"type": SECRET, "text": "text"}]}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": [SECRET]}]}]},
    {"messages": [{"role": "user", "content": SECRET, "name": SECRET}]},
    {"messages": [USER, {"role": "assistant", "content": SECRET}]},
    {"messages": [{"role": "assistant", "content": "", "reasoning_content": [SECRET]}]},
    {"metadata": {SECRET: [SECRET]}},
    {"tools": [SECRET]},
]


@pytest.mark.parametrize("members", MISPLACED, ids=range(len(MISPLACED)))
def test_a_refusal_never_spells_a_prompt(members):
    with pytest.raises(InvalidRequest) as refusal:
        decode_chat(orjson.dumps({**CHAT, **members}), Limits())
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("prompt", [{"a": SECRET}, [[SECRET]], [{"a": SECRET}]])
def test_a_completion_s_refusal_never_spells_a_prompt(prompt):
    with pytest.raises(InvalidRequest) as refusal:
        decode_completion(orjson.dumps({**TEXT, "prompt": prompt}), Limits())
    assert SECRET not in str(refusal.value)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize(("decode", "good"), [(decode_chat, CHAT), (decode_completion, TEXT)])
@settings(max_examples=150)
@given(members=st.dictionaries(st.sampled_from(sorted(FIELDS)), JSON_VALUES, max_size=3))
def test_any_body_is_decoded_or_refused(decode, good, members):
    with suppress(InvalidRequest):
        assert decode(orjson.dumps({**good, **members}), Limits()).prompts
