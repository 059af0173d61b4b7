"""What a server quotes of a prompt is left out of what is kept of its errors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.prompts.prompt import Message, Prompt
from loadtest.wire.quotes import printable, without_credentials, without_prompt


def prompt(text: str) -> Prompt:
    return Prompt((Message("user", text),))


@pytest.mark.parametrize(
    ("message", "text", "kept"),
    [
        pytest.param("max_tokens is 0", "How many legs has a cat?", "max_tokens is 0", id="none"),
        pytest.param("bad: How many legs?", "How many legs?", "bad: …", id="whole"),
        pytest.param("bad: How many legs...", "How many legs has it?", "bad: …...", id="beginning"),
        pytest.param("bad: 1+1= (here)", "1+1=", "bad: … (here)", id="short-prompt"),
        pytest.param("bad: a\\nb, c", "a\nb", "bad: …, c", id="escaped"),
        pytest.param("bad: \\u4f60\\u597d.", "你好", "bad: ….", id="escaped-as-JSON"),
        pytest.param("bad: first line\nand more", "none of it", "bad: first line and more", id="n"),
        pytest.param("How many legs, How many legs", "How many legs", "…, …", id="twice"),
    ],
)
def test_runs_that_the_prompt_spells_are_left_out(message: str, text: str, kept: str) -> None:
    assert without_prompt(message, prompt(text)) == kept


def test_every_message_of_a_chat_is_a_prompt() -> None:
    chat = Prompt((Message("system", "You are a pirate."), Message("user", "Sing!")))
    assert without_prompt("'You are a pirate.' and 'Sing!'", chat) == "'…' and '…'"


@given(st.text(max_size=200), st.text(min_size=12, max_size=80), st.data())
def test_no_run_of_twelve_characters_of_the_prompt_is_kept(
    around: str, text: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(text) - 12))
    quoted = text[start:]
    kept = without_prompt(around[:20] + quoted + around[20:], prompt(text))
    runs = {text[at : at + 12] for at in range(len(text) - 11)}
    assert not any(run in kept for run in runs)
    assert len(kept) <= 120


KEY = "sk-4f9A7c21Bb"


@pytest.mark.parametrize(
    ("detail", "kept"),
    [
        pytest.param("bad model", "bad model", id="none"),
        pytest.param(f"key {KEY} is old", "key … is old", id="whole"),
        pytest.param(f"key {KEY[:9]}... is old", "key …... is old", id="cut-by-the-server"),
        pytest.param(f"the key is {KEY[:5]}", "the key is …", id="cut-here"),
        pytest.param(f"type text/{KEY.lower()}", "type text/…", id="lower-case"),
        pytest.param("pin 4711 and 471", "pin … and 471", id="short"),
        pytest.param("line a\\tb c", "line …", id="escaped"),
        pytest.param("abc", "abc", id="three-characters-are-none"),
    ],
)
def test_credentials_are_left_out(detail: str, kept: str) -> None:
    assert without_credentials(detail, (KEY, "4711", "a\\tb c", "abc")) == kept


@given(
    st.text(max_size=30),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=40),
    st.text(max_size=30),
)
def test_no_credential_is_kept_whatever_stands_around_it(
    before: str, secret: str, after: str
) -> None:
    assert secret not in without_credentials(f"{before}{secret}{after}", (secret,))


def test_what_a_terminal_would_obey_is_blank() -> None:
    assert printable("a\x1b[2Jb\u202ec\nd") == "a [2Jb c d"
