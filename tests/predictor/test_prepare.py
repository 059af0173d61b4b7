"""Requests against the limits and defaults of a model."""

from typing import Any

import pytest

from predictor.config import DEMO_MODEL_DIR
from predictor.defaults import GenerationDefaults, OperatorDefaults
from predictor.defaults_dir import Snapshot
from predictor.engine.messages import Ready
from predictor.engine.sequence import ThinkingBudget
from predictor.errors import InvalidRequest, ModelRefused
from predictor.generation import GenerationOptions, GenerationRequest, Message
from predictor.prepare import Preparer, build_preparer
from predictor.tokenizer import Tokenizer

TOKENIZER = Tokenizer(DEMO_MODEL_DIR)
CONTEXT = 100
DEFAULTS = GenerationDefaults(temperature=0.6, top_p=0.95, top_k=7, min_p=0.1)


def make_preparer(max_model_len: int = CONTEXT, **operators: Any) -> Preparer:
    """Return a preparer with the options, or the system_prompt, as its operator's defaults."""
    system_prompt = operators.pop("system_prompt", None)
    options = GenerationOptions(**operators)
    operator = OperatorDefaults(Snapshot("/etc/r1"), options, system_prompt)
    return Preparer(TOKENIZER, DEFAULTS, (634,), max_model_len, 640, operator)


def make_request(content: str = "1+1=", **options: Any) -> GenerationRequest:
    return GenerationRequest((Message("user", content),), GenerationOptions(**options))


NUM_PROMPT_TOKENS = len(make_preparer().prepare(make_request()).prompt_ids)


def test_what_a_request_leaves_open_comes_from_the_checkpoint() -> None:
    params = make_preparer().prepare(make_request()).params

    assert (params.temperature, params.top_p, params.top_k, params.min_p) == (0.6, 0.95, 7, 0.1)
    assert params.eos_token_ids == (634,)


def test_a_zero_that_is_given_is_no_gap_to_fill() -> None:
    options = {"temperature": 0.0, "top_k": 0, "min_p": 0.0, "seed": 0}

    params = make_preparer().prepare(make_request(**options)).params

    assert (params.temperature, params.top_k, params.min_p, params.seed) == (0.0, 0, 0.0, 0)


@pytest.mark.parametrize(
    ("context", "expected"),
    [(CONTEXT, CONTEXT - NUM_PROMPT_TOKENS), (5000, 2048)],
    ids=["what-is-left-of-the-context", "2048"],
)
def test_unset_max_tokens_is_the_smaller_of(context: int, expected: int) -> None:
    assert make_preparer(context).prepare(make_request()).params.max_tokens == expected


def test_prompt_and_max_tokens_may_fill_the_context_and_no_more() -> None:
    room = CONTEXT - NUM_PROMPT_TOKENS

    assert make_preparer().prepare(make_request(max_tokens=room)).params.max_tokens == room
    with pytest.raises(InvalidRequest, match=rf"max_tokens is {room + 1}, must be at most {room}"):
        make_preparer().prepare(make_request(max_tokens=room + 1))


def test_a_prompt_must_leave_room_for_one_token() -> None:
    fits = make_preparer(NUM_PROMPT_TOKENS + 1)

    assert fits.prepare(make_request()).params.max_tokens == 1
    with pytest.raises(InvalidRequest, match=r"prompt is \d+ tokens long, must be at most"):
        make_preparer(NUM_PROMPT_TOKENS).prepare(make_request())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"min_tokens": 99}, "min_tokens is 99, must be at most", id="min_tokens"),
        pytest.param({"stop_token_ids": (640,)}, "holds 640", id="stop_token_ids"),
        pytest.param(
            {"max_thinking_tokens": 3, "enable_thinking": False}, "does not end", id="closed"
        ),
        pytest.param({"max_thinking_tokens": 3, "raw": True}, "does not end", id="raw"),
    ],
)
def test_what_the_model_cannot_do_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        make_preparer().prepare(make_request(**options))


def test_a_thinking_budget_names_the_token_that_closes() -> None:
    params = make_preparer().prepare(make_request(max_thinking_tokens=3)).params

    assert TOKENIZER.think_close_id is not None
    assert params.thinking == ThinkingBudget(3, TOKENIZER.think_close_id)


@pytest.mark.parametrize(
    ("content", "options", "starts", "may"),
    [
        pytest.param("1", {}, True, True, id="chat"),
        pytest.param("1", {"enable_thinking": False}, False, False, id="closed"),
        pytest.param("1", {"raw": True}, False, False, id="raw"),
        pytest.param("a<think>\n", {"raw": True}, True, False, id="raw-inside"),
        pytest.param("<think>a</think>", {"raw": True}, False, False, id="raw-after"),
        pytest.param("<think>", {}, True, True, id="spelled-by-the-user"),
    ],
)
def test_the_prompts_end_decides_where_the_completion_starts(
    content: str, options: dict[str, Any], starts: bool, may: bool
) -> None:
    prepared = make_preparer().prepare(make_request(content, **options))

    assert prepared.starts_in_reasoning is starts
    assert prepared.may_reason is may


def test_unset_seeds_differ() -> None:
    seeds = {make_preparer().prepare(make_request()).params.seed for _ in range(10)}

    assert len(seeds) == 10


@pytest.mark.parametrize(
    ("name", "default", "own"),
    [
        ("temperature", 1.0, 0.0),
        ("top_p", 0.5, 1.0),
        ("top_k", 5, 0),
        ("min_p", 0.5, 0.0),
        ("repetition_penalty", 1.5, 1.0),
        ("presence_penalty", 0.5, 0.0),
        ("frequency_penalty", 0.25, 0.0),
    ],
)
def test_the_operators_default_comes_before_the_checkpoints_and_behind_the_requests(
    name: str, default: float, own: float
) -> None:
    preparer = make_preparer(**{name: default})

    assert getattr(preparer.prepare(make_request()).params, name) == default
    assert getattr(preparer.prepare(make_request(**{name: own})).params, name) == own


@pytest.mark.parametrize(
    ("max_tokens", "expected"),
    [(20, 20), (500, CONTEXT - NUM_PROMPT_TOKENS)],
    ids=["fits", "shrinks-to-the-room"],
)
def test_a_default_of_max_tokens(max_tokens: int, expected: int) -> None:
    params = make_preparer(max_tokens=max_tokens).prepare(make_request()).params

    assert params.max_tokens == expected


def test_a_default_of_max_tokens_gives_way_to_more_min_tokens() -> None:
    params = make_preparer(max_tokens=20).prepare(make_request(min_tokens=30)).params

    assert params.min_tokens == 30
    assert params.max_tokens == CONTEXT - NUM_PROMPT_TOKENS


@pytest.mark.parametrize(
    ("content", "options", "budget"),
    [
        pytest.param("1", {}, 5, id="chat"),
        pytest.param("1", {"max_thinking_tokens": 9}, 9, id="request's own"),
        pytest.param("1", {"enable_thinking": False}, None, id="closed"),
        pytest.param("1", {"raw": True}, None, id="raw"),
        pytest.param("a<think>", {"raw": True}, 5, id="raw-inside"),
    ],
)
def test_a_default_thinking_budget_is_for_prompts_that_end_inside_think(
    content: str, options: dict[str, Any], budget: int | None
) -> None:
    thinking = make_preparer(max_thinking_tokens=5).prepare(make_request(content, **options)).params

    assert (thinking.thinking and thinking.thinking.max_tokens) == budget


@pytest.mark.parametrize(
    ("options", "starts"),
    [
        pytest.param({}, False, id="unset"),
        pytest.param({"enable_thinking": True}, True, id="request's own"),
        pytest.param({"max_thinking_tokens": 5}, True, id="a budget of the request"),
    ],
)
def test_reasoning_that_is_off_by_default_is_there_when_asked_for(
    options: dict[str, Any], starts: bool
) -> None:
    prepared = make_preparer(enable_thinking=False).prepare(make_request(**options))

    assert prepared.starts_in_reasoning is prepared.may_reason is starts


def test_a_default_of_no_reasoning_is_no_matter_of_raw_prompts() -> None:
    prepared = make_preparer(enable_thinking=False).prepare(make_request("a<think>", raw=True))

    assert prepared.starts_in_reasoning


def test_the_system_prompt_stands_where_a_system_message_would() -> None:
    own = GenerationRequest(
        (Message("system", "Be brief."), Message("user", "1+1=")), GenerationOptions()
    )

    filled_in = make_preparer(system_prompt="Be brief.").prepare(make_request())

    assert filled_in.prompt_ids == make_preparer().prepare(own).prompt_ids
    assert make_preparer(system_prompt="Sing.").prepare(own).prompt_ids == filled_in.prompt_ids


def test_a_raw_prompt_has_no_system_prompt() -> None:
    raw = make_request(raw=True)

    prompt_ids = make_preparer(system_prompt="Be brief.").prepare(raw).prompt_ids

    assert prompt_ids == make_preparer().prepare(raw).prompt_ids


def test_control_tokens_in_the_system_prompt_are_plain_text() -> None:
    spelled = make_preparer(system_prompt="<｜User｜></think>").prepare(make_request())
    plain = make_preparer(system_prompt="x").prepare(make_request())

    assert [i for i in spelled.prompt_ids if i >= 634] == [i for i in plain.prompt_ids if i >= 634]
    assert len(spelled.prompt_ids) > len(plain.prompt_ids)


@pytest.mark.parametrize(
    ("vocab_size", "eos_token_ids", "words"),
    [
        pytest.param(600, (3,), "token id 639, but the model's vocabulary ends at 599", id="size"),
        pytest.param(640, (), "has an eos_token_id", id="no-eos"),
        pytest.param(640, (640,), r"eos_token_id holds 640, must hold ids in 0\.\.639", id="range"),
        pytest.param(
            640, (3,), r"eos token has id 634, but the model ends at \[3\]", id="other-eos"
        ),
    ],
)
def test_a_tokenizer_of_another_model_is_refused(
    vocab_size: int, eos_token_ids: tuple[int, ...], words: str
) -> None:
    ready = Ready(vocab_size, 4096, eos_token_ids, "cpu", "float32", 100)

    with pytest.raises(ModelRefused, match=words):
        build_preparer(TOKENIZER, GenerationDefaults(), ready)
