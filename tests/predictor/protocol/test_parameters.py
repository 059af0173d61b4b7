"""Sampling options: what is allowed, and what a refusal says."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from predictor.errors import InvalidRequest
from predictor.generation import GenerationOptions
from predictor.protocol.parameters import OPTION_NAMES, parse_options

INT32_MAX = 2**31 - 1

GOOD = [
    ("max_tokens", 1, 1),
    ("max_tokens", INT32_MAX, INT32_MAX),
    ("min_tokens", 0, 0),
    ("temperature", 0, 0),
    ("temperature", 0.01, 0.01),
    ("temperature", 2, 2),
    ("top_p", 1e-9, 1e-9),
    ("top_p", 1, 1),
    ("top_k", 0, 0),
    ("min_p", 0.0, 0),
    ("min_p", 1, 1),
    ("seed", 0, 0),
    ("seed", 2**63 - 1, 2**63 - 1),
    ("repetition_penalty", 0.01, 0.01),
    ("repetition_penalty", 10, 10),
    ("presence_penalty", -2, -2),
    ("frequency_penalty", 2.0, 2),
    ("stop", [], ()),
    ("stop", ["a", "é" * 256], ("a", "é" * 256)),
    ("stop", ["s"] * 16, ("s",) * 16),
    ("stop", ' ["END", "\\n"]', ("END", "\n")),
    ("stop_token_ids", [0, 7], (0, 7)),
    ("stop_token_ids", list(range(64)), tuple(range(64))),
    ("stop_token_ids", "[1, 2]", (1, 2)),
    ("ignore_eos", True, True),
    ("logprobs", 20, 20),
    ("raw", False, False),
    ("enable_thinking", False, False),
    ("max_thinking_tokens", 0, 0),
]


@pytest.mark.parametrize(("name", "value", "expected"), GOOD)
def test_a_value_within_range_is_taken(name, value, expected):
    assert getattr(parse_options({name: value}), name) == expected


def test_every_option_has_a_case_above():
    assert {name for name, _, _ in GOOD} == set(OPTION_NAMES)


def test_an_option_that_is_not_given_stays_none():
    assert parse_options({}) == GenerationOptions()


BAD = [
    ("temprature", 1, "unknown parameter 'temprature'", "temperature, top_p"),
    ("x" * 500, 1, "unknown parameter 'xxx", "..."),
    ("max_tokens", 0, "max_tokens is 0", "an integer from 1 to 2147483647"),
    ("max_tokens", -1, "max_tokens is -1", "from 1"),
    ("max_tokens", True, "max_tokens is true", "an integer"),
    ("max_tokens", 5.0, "max_tokens is 5.0", "an integer"),
    ("max_tokens", 1.8446744073709552e19, "max_tokens is 1.8446744073709552e+19", "an integer"),
    ("max_tokens", "5", "max_tokens is '5'", "an integer"),
    ("max_tokens", None, "max_tokens is null", "left out"),
    ("max_tokens", [1], "max_tokens is [1]", "an integer"),
    ("max_tokens", {"a": [1]}, "max_tokens is {'a': [1]}", "an integer"),
    ("max_tokens", 2**31, "max_tokens is 2147483648", "2147483647"),
    ("min_tokens", -1, "min_tokens is -1", "from 0"),
    ("temperature", 0.005, "temperature is 0.005", "0 or a number from 0.01 to 2"),
    ("temperature", 5e-324, "temperature is 5e-324", "0.01"),
    ("temperature", -0.1, "temperature is -0.1", "0.01 to 2"),
    ("temperature", 2.0001, "temperature is 2.0001", "to 2"),
    ("temperature", float("nan"), "temperature is nan", "a number"),
    ("temperature", float("inf"), "temperature is inf", "a number"),
    ("temperature", float("-inf"), "temperature is -inf", "a number"),
    ("temperature", False, "temperature is false", "a number"),
    ("temperature", "hot", "temperature is 'hot'", "a number"),
    ("top_p", 0, "top_p is 0", "above 0 and at most 1"),
    ("top_p", 1.1, "top_p is 1.1", "at most 1"),
    ("top_k", -1, "top_k is -1", "0 (off)"),
    ("top_k", 2**64 - 1, "top_k is 18446744073709551615", "2147483647"),
    ("min_p", -0.1, "min_p is -0.1", "0 to 1"),
    ("min_p", 1.5, "min_p is 1.5", "0 to 1"),
    ("seed", 2**63, "seed is 9223372036854775808", "9223372036854775807"),
    ("seed", -1, "seed is -1", "from 0"),
    ("repetition_penalty", 0, "repetition_penalty is 0", "0.01 to 10"),
    ("repetition_penalty", 10.1, "repetition_penalty is 10.1", "0.01 to 10"),
    ("presence_penalty", -2.1, "presence_penalty is -2.1", "-2 to 2"),
    ("frequency_penalty", 2.1, "frequency_penalty is 2.1", "-2 to 2"),
    ("stop", "END", "stop is 'END'", "or that as JSON"),
    ("stop", "[", "stop is not JSON", "character"),
    ("stop", '{"a": 1}', "stop is '{", "a list of at most 16 strings"),
    ("stop", 5, "stop is 5", "a list"),
    ("stop", [""], "stop[0] is ''", "stop must be a list of at most 16 strings of 1 to 256"),
    ("stop", ["a", 5], "stop[1] is 5", "strings"),
    ("stop", ["s" * 257], "stop[0] is 'sss", "256 characters"),
    ("stop", ["s"] * 17, "stop is ['s', ", "at most 16"),
    ("stop", ["\ud800"], "stop[0] is '\\ud800'", "strings"),
    ("stop", '["\\ud800"]', "stop is not JSON", "surrogate"),
    ("stop", ["a", None], "stop[1] is null", "strings"),
    ("stop_token_ids", [-1], "stop_token_ids[0] is -1", "token ids from 0"),
    ("stop_token_ids", [1, True], "stop_token_ids[1] is true", "token ids"),
    ("stop_token_ids", [1.0], "stop_token_ids[0] is 1.0", "token ids"),
    ("stop_token_ids", [2**31], "stop_token_ids[0] is 2147483648", "token ids"),
    ("stop_token_ids", [0] * 65, "stop_token_ids is [0, ", "at most 64"),
    ("stop_token_ids", "[1, NaN]", "stop_token_ids is not JSON", "character"),
    ("stop_token_ids", "[" * 70 + "]" * 70, "stop_token_ids is nested", "64 levels"),
    ("ignore_eos", 1, "ignore_eos is 1", "true or false"),
    ("ignore_eos", "true", "ignore_eos is 'true'", "true or false"),
    ("logprobs", 21, "logprobs is 21", "0 to 20"),
    ("logprobs", True, "logprobs is true", "an integer"),
    ("raw", 0, "raw is 0", "true or false"),
    ("enable_thinking", "no", "enable_thinking is 'no'", "true or false"),
    ("max_thinking_tokens", -1, "max_thinking_tokens is -1", "from 0"),
]


@pytest.mark.parametrize(("name", "value", "what", "allowed"), BAD)
def test_a_refusal_names_the_field_its_value_and_what_is_allowed(name, value, what, allowed):
    with pytest.raises(InvalidRequest) as refusal:
        parse_options({name: value})
    message = str(refusal.value)
    assert what in message
    assert allowed in message
    assert len(message) < 500
    assert "\n" not in message


def test_every_option_is_refused_somewhere_above():
    assert {name for name, *_ in BAD} >= set(OPTION_NAMES)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"min_tokens": 6, "max_tokens": 5}, "min_tokens is 6, must be at most max_tokens, 5"),
        ({"raw": True, "enable_thinking": True}, "enable_thinking is true, must be left out"),
        ({"raw": True, "enable_thinking": False}, "enable_thinking is false, must be left out"),
    ],
    ids=["min over max", "raw, thinking", "raw, no thinking"],
)
def test_options_that_contradict_each_other_are_refused(values, expected):
    with pytest.raises(InvalidRequest, match=expected):
        parse_options(values)


def test_min_tokens_may_equal_max_tokens():
    assert parse_options({"min_tokens": 5, "max_tokens": 5}).min_tokens == 5


def test_a_caller_s_own_parameters_are_listed_among_the_known():
    with pytest.raises(InvalidRequest, match="known: details, max_tokens"):
        parse_options({"detail": True}, others=("details",))


@pytest.mark.parametrize("name", ["stop", "stop_token_ids"])
def test_a_million_bad_elements_cost_one_error(name):
    with pytest.raises(ValidationError) as refusal:
        GenerationOptions.model_validate({name: (None,) * 1_000_000})
    assert refusal.value.error_count() == 1


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(OPTION_NAMES) | st.text(), JSON_VALUES, max_size=4))
def test_any_values_give_options_or_a_refusal(values):
    with suppress(InvalidRequest):
        assert isinstance(parse_options(values), GenerationOptions)
