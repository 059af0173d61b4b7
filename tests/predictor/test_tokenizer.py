"""The embedded tokenizer stands for R1-Distill's: same control tokens, flags and template."""

import json
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from predictor.config import DEMO_MODEL_DIR
from predictor.errors import InvalidRequest, ModelRefused
from predictor.generation import Message
from predictor.tokenizer import Tokenizer

TOKENIZER = Tokenizer(DEMO_MODEL_DIR)
REFERENCE = PreTrainedTokenizerFast(tokenizer_file=str(DEMO_MODEL_DIR / "tokenizer.json"))
CONTROL_TOKENS = {t.content: i for i, t in REFERENCE.added_tokens_decoder.items()}
SETTINGS = json.loads((DEMO_MODEL_DIR / "tokenizer_config.json").read_text())
BOS = "<｜begin▁of▁sentence｜>"


def chat(*contents: str) -> tuple[Message, ...]:
    """A chat whose turns alternate, user first."""
    roles = ("user", "assistant")
    return tuple(Message(roles[i % 2], content) for i, content in enumerate(contents))


def encode(*contents: str, enable_thinking: bool = True) -> list[int]:
    return TOKENIZER.encode_chat(chat(*contents), enable_thinking=enable_thinking)


def control_ids(ids: list[int]) -> list[int]:
    return [i for i in ids if i in CONTROL_TOKENS.values()]


def decode(ids: list[int]) -> str:
    text: str = REFERENCE.backend_tokenizer.decode(ids, skip_special_tokens=False)
    return text


ordinary_text = st.text(max_size=40).filter(lambda t: not any(c in t for c in CONTROL_TOKENS))


@settings(max_examples=200)
@given(st.lists(ordinary_text.filter(lambda t: "\ud800" not in t), min_size=1, max_size=3))
def test_an_ordinary_chat_gets_the_ids_that_transformers_gives_it(contents: list[str]) -> None:
    messages = chat(*contents)

    ids = TOKENIZER.encode_chat(messages, enable_thinking=True)

    expected = REFERENCE.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in messages],
        chat_template=SETTINGS["chat_template"],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=False,
        bos_token=BOS,
    )
    assert ids == expected


@pytest.mark.parametrize("control", CONTROL_TOKENS)
@pytest.mark.parametrize(
    "form",
    ["{}", "a{}b", "{0}{0}", " {} ", "<{}", "{}>", "<｜Us{}er｜>", "\u0338{}", "{}\n\n"],
)
def test_a_control_token_spelled_by_a_user_is_plain_text(form: str, control: str) -> None:
    content = form.format(control)

    ids = encode(content)

    assert control_ids(ids) == control_ids(encode("x"))
    assert content in decode(ids)


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_control_tokens_are_plain_text_in_every_role(role: str) -> None:
    def ids(content: str) -> list[int]:
        turn = Message(role, content)  # type: ignore[arg-type]
        return TOKENIZER.encode_chat((turn, Message("user", "hi")), enable_thinking=True)

    spelled = ids(f"a {'<｜User｜>'} b <think> c")

    assert control_ids(spelled) == control_ids(ids("a"))


def test_a_spelling_that_appears_only_when_normalized_is_plain_text(tmp_path: Path) -> None:
    # U+212A is the Kelvin sign, which NFC turns into the letter K.
    tokenizer = _with_added_token(tmp_path, "[K]")

    ids = tokenizer.encode_chat(chat("[\u212a]"), enable_thinking=True)

    assert tokenizer.encode_raw("[K]")[0] not in ids


def test_a_user_cannot_break_a_control_token_of_the_template(tmp_path: Path) -> None:
    # U+0338 composes with a > before it under NFC, which a normalized token is looked for after.
    added = json.loads((DEMO_MODEL_DIR / "tokenizer.json").read_text())["added_tokens"]
    normalized = [token | {"normalized": True} for token in added]
    tokenizer = _edited(tmp_path, "tokenizer.json", added_tokens=normalized)

    ids = tokenizer.encode_chat(chat("\u0338x"), enable_thinking=True)

    assert control_ids(ids) == control_ids(encode("x"))


def test_earlier_reasoning_is_dropped_from_the_history() -> None:
    assert encode("1+1", "<think>one and one</think>2", "2+2") == encode("1+1", "2", "2+2")


def test_the_generation_prompt_ends_inside_the_reasoning() -> None:
    assert decode(encode("1+1")) == f"{BOS}<｜User｜>1+1<｜Assistant｜><think>\n"


def test_thinking_disabled_closes_the_reasoning() -> None:
    text = decode(encode("1+1", enable_thinking=False))

    assert text == f"{BOS}<｜User｜>1+1<｜Assistant｜><think>\n\n</think>\n\n"
    assert control_ids(encode("1+1", enable_thinking=False))[-1] == CONTROL_TOKENS["</think>"]


def test_a_raw_prompt_is_sent_as_it_is_control_tokens_included() -> None:
    assert TOKENIZER.encode_raw("<｜User｜>1") == [CONTROL_TOKENS["<｜User｜>"], *_plain_ids("1")]


def test_an_order_of_roles_that_the_template_refuses_is_the_clients_fault(tmp_path: Path) -> None:
    template = (
        "x{% if messages|length > 1 %}{{ raise_exception(messages[0]['content']) }}{% endif %}"
    )
    tokenizer = _edited(tmp_path, "tokenizer_config.json", chat_template=template)

    with pytest.raises(InvalidRequest, match=r"'assistant'\].*template refuses") as caught:
        tokenizer.encode_chat(chat("secret", "secret"), enable_thinking=True)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["é🙂你好", "a\u0301\u0338", "\x00\x7f", "🏳️‍🌈 x"], ids=ascii)
def test_streamed_text_is_exact_and_never_half_a_character(text: str) -> None:
    stream = TOKENIZER.decode_stream()

    pieces = [stream.feed(i) for i in TOKENIZER.encode_raw(text)]

    assert "".join(pieces) + stream.flush() == REFERENCE.backend_tokenizer.normalizer.normalize_str(
        text
    )
    assert not any("\ufffd" in piece for piece in pieces)


def test_text_costs_no_more_the_more_of_it_is_no_text() -> None:
    stream = TOKENIZER.decode_stream()
    eos = CONTROL_TOKENS["<｜end▁of▁sentence｜>"]
    half = TOKENIZER.encode_raw("🙂")[1]

    def time_s() -> float:
        started = time.thread_time()
        for _ in range(3000):
            stream.feed(eos)
            stream.feed(half)
        return time.thread_time() - started

    first = time_s()
    time_s()

    assert time_s() < 20 * first


@settings(max_examples=200)
@given(st.lists(st.integers(0, 639), max_size=30))
def test_any_tokens_stream_to_what_they_decode_to_together(ids: list[int]) -> None:
    stream = TOKENIZER.decode_stream()

    text = "".join(stream.feed(i) for i in ids) + stream.flush()

    assert text == REFERENCE.backend_tokenizer.decode(ids, skip_special_tokens=True)


def test_a_character_left_unfinished_shows_as_a_replacement_character() -> None:
    stream = TOKENIZER.decode_stream()
    first = TOKENIZER.encode_raw("🙂")[0]

    assert stream.feed(first) == ""
    assert stream.flush() == "\ufffd"


@pytest.mark.parametrize(
    ("name", "edit", "words"),
    [
        pytest.param("tokenizer.json", None, r"tokenizer\.json does not exist", id="no-tokenizer"),
        pytest.param("tokenizer_config.json", None, "does not exist", id="no-config"),
        pytest.param("tokenizer.json", "{", "cannot be read as JSON", id="not-json"),
        pytest.param("tokenizer.json", "[]", "holds a JSON list, must be", id="not-object"),
        pytest.param("tokenizer.json", "{}", "tokenizer.json cannot be read", id="no-model"),
        pytest.param("tokenizer_config.json", "{}", "has no chat_template", id="no-template"),
        pytest.param("tokenizer_config.json", '{"auto_map": {}}', "never executed", id="auto_map"),
        pytest.param(
            "tokenizer_config.json",
            '{"chat_template": "{% if %}"}',
            "cannot be filled in",
            id="jinja",
        ),
        pytest.param(
            "tokenizer_config.json", '{"chat_template": ""}', "gives an empty prompt", id="empty"
        ),
    ],
)
def test_a_faulty_tokenizer_is_refused(
    tmp_path: Path, name: str, edit: str | None, words: str
) -> None:
    model_dir = _copy(tmp_path)
    (model_dir / name).unlink()
    if edit is not None:
        (model_dir / name).write_text(edit)

    with pytest.raises(ModelRefused, match=words):
        Tokenizer(model_dir)


def test_a_template_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    model_dir = _copy(tmp_path)
    (model_dir / "chat_template.jinja").write_bytes(b"\xff")

    with pytest.raises(ModelRefused, match=r"chat_template\.jinja cannot be read"):
        Tokenizer(model_dir)


def test_a_template_in_a_file_of_its_own_comes_first(tmp_path: Path) -> None:
    model_dir = _copy(tmp_path)
    (model_dir / "chat_template.jinja").write_text("12")

    tokenizer = Tokenizer(model_dir)

    assert tokenizer.encode_chat(chat("x"), enable_thinking=True) == tokenizer.encode_raw("12")


def test_a_tokenizer_that_loses_spaces_is_refused(tmp_path: Path) -> None:
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    with pytest.raises(ModelRefused, match=r"does not give .* back"):
        _edited(tmp_path, "tokenizer.json", pre_tokenizer=metaspace)


def test_a_tokenizer_that_is_not_byte_level_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="decoder Fuse, must have ByteLevel"):
        _edited(tmp_path, "tokenizer.json", decoder={"type": "Fuse"})


def _plain_ids(text: str) -> list[int]:
    ids: list[int] = REFERENCE.backend_tokenizer.encode(text, add_special_tokens=False).ids
    return ids


def _copy(tmp_path: Path) -> Path:
    model_dir = tmp_path / "model"
    shutil.copytree(
        DEMO_MODEL_DIR, model_dir, ignore=shutil.ignore_patterns("*.py", "*.safetensors")
    )
    return model_dir


def _edited(tmp_path: Path, name: str, **members: object) -> Tokenizer:
    path = _copy(tmp_path) / name
    path.write_text(json.dumps(json.loads(path.read_text()) | members))
    return Tokenizer(path.parent)


def _with_added_token(tmp_path: Path, content: str) -> Tokenizer:
    added = json.loads((DEMO_MODEL_DIR / "tokenizer.json").read_text())["added_tokens"]
    token = added[-1] | {"content": content, "id": added[-1]["id"] + 1, "normalized": True}
    return _edited(tmp_path, "tokenizer.json", added_tokens=[*added, token])
