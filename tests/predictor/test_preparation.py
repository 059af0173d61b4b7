"""Requests and the operator's defaults meet the model that they are for."""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from predictor.config import DEMO_MODEL_DIR
from predictor.defaults import OperatorDefaults, parse_operator_defaults
from predictor.defaults_dir import Snapshot
from predictor.engine.messages import Ready
from predictor.errors import SettingRefused
from predictor.generation import GenerationOptions, GenerationRequest, Message
from predictor.preparation import Preparation, TextSide, load_text_side
from predictor.tokenizer import Tokenizer

RunOnALoop = Callable[[Callable[[], Awaitable[None]]], None]

READY = Ready(640, 4096, (634,), "cpu", "float32", 100)
DEMO = load_text_side(DEMO_MODEL_DIR, None)
# The chat templates of other models.
EVERY_MESSAGE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}<think>\n"
WITHOUT_THINK = "{{ messages[-1]['content'] }}"
WITHOUT_SYSTEM = "{{ messages[-1]['content'] }}<think>\n"
REFUSES_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{{ messages[-1]['content'] }}<think>\n"
)
FAILS = "{{ messages[-1]['content'] }}{{ messages[0]['content'] + 1 if messages | length > 1 }}"


def operator(**files: str) -> OperatorDefaults:
    """Return defaults of a ``generation`` and a ``prompt``."""
    names = {"generation": "generation.json", "prompt": "system-prompt.txt"}
    contents = {names[name]: text.encode() for name, text in files.items()}
    return parse_operator_defaults(Snapshot("/etc/r1", contents))


def with_template(tmp_path: Path, template: str) -> TextSide:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(DEMO_MODEL_DIR / name, tmp_path)
    (tmp_path / "chat_template.jinja").write_text(template)
    return TextSide(Tokenizer(tmp_path), DEMO.defaults, None)


def make_request(prompt: str = "1+1=", **options: object) -> GenerationRequest:
    return GenerationRequest((Message("user", prompt),), GenerationOptions(**options))


def test_a_reload_is_for_requests_to_come(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        preparation = Preparation(DEMO, READY)
        before = await preparation.prepare(make_request())
        await preparation.reload(operator(generation='{"max_tokens": 7}', prompt="Be brief."))
        after = await preparation.prepare(make_request())

        assert (before.params.max_tokens, after.params.max_tokens) == (2048, 7)
        assert len(after.prompt_ids) > len(before.prompt_ids)
        assert preparation.operator_files.keys() == {"generation.json", "system-prompt.txt"}

    run_on_a_loop(body)


def test_a_chats_own_system_message_stands_alone(tmp_path: Path, run_on_a_loop: RunOnALoop) -> None:
    own = GenerationRequest(
        (Message("user", "a"), Message("system", "b"), Message("user", "c")), GenerationOptions()
    )

    async def body() -> None:
        preparation = Preparation(with_template(tmp_path, EVERY_MESSAGE), READY)
        before = await preparation.prepare(own)
        await preparation.reload(operator(prompt="Be brief."))

        assert (await preparation.prepare(own)).prompt_ids == before.prompt_ids

    run_on_a_loop(body)


def test_a_reload_without_files_puts_the_checkpoints_back(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        preparation = Preparation(DEMO, READY)
        await preparation.reload(operator(generation='{"top_k": 7, "temperature": 1}'))
        await preparation.reload(operator())
        params = (await preparation.prepare(make_request())).params

        assert (params.top_k, params.temperature) == (0, 0.6)
        assert preparation.operator_files == {}

    run_on_a_loop(body)


def test_prompts_of_one_request_get_the_same_defaults(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        preparation = Preparation(DEMO, READY)
        prepared = preparation.prepare_each([make_request(), make_request()])
        first = await anext(prepared)
        await preparation.reload(operator(generation='{"max_tokens": 7}'))
        second = await anext(prepared)

        assert first.params.max_tokens == second.params.max_tokens == 2048
        assert (await preparation.prepare(make_request())).params.max_tokens == 7

    run_on_a_loop(body)


@pytest.mark.parametrize(
    ("template", "files", "words"),
    [
        pytest.param(
            None,
            {"prompt": "1 " * 4096},
            r"the prompt is \d+ tokens long, must be at most 4095 in a context of 4096",
            id="no room left",
        ),
        pytest.param(
            WITHOUT_SYSTEM,
            {"prompt": "Be brief."},
            "the model's chat template leaves the system prompt out",
            id="left out",
        ),
        pytest.param(
            REFUSES_SYSTEM,
            {"prompt": "Be brief."},
            r"the roles \['system', 'user'\], which the model's chat template refuses",
            id="refused by the template",
        ),
        pytest.param(
            FAILS, {"prompt": "Be brief."}, "the chat template fails: TypeError", id="fails"
        ),
        pytest.param(
            WITHOUT_THINK,
            {"generation": '{"max_thinking_tokens": 5}'},
            "max_thinking_tokens is 5, must be left out: prompts of this model do not end inside",
            id="no reasoning to limit",
        ),
    ],
)
def test_defaults_that_do_not_go_with_the_model_are_refused_and_change_nothing(
    tmp_path: Path,
    run_on_a_loop: RunOnALoop,
    template: str | None,
    files: dict[str, str],
    words: str,
) -> None:
    text = DEMO if template is None else with_template(tmp_path, template)

    async def body() -> None:
        preparation = Preparation(text, READY)
        before = await preparation.prepare(make_request())
        with pytest.raises(SettingRefused, match=f"^/etc/r1 cannot be followed: .*{words}"):
            await preparation.reload(operator(**files))

        assert (await preparation.prepare(make_request())).prompt_ids == before.prompt_ids
        assert preparation.operator_files == {}

    run_on_a_loop(body)
