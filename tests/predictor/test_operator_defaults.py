"""What an operator's files say, and what is refused of them."""

import pytest

from predictor.defaults import GenerationDefaults, parse_operator_defaults
from predictor.defaults_dir import Snapshot
from predictor.errors import SettingRefused

CHECKPOINT = GenerationDefaults(temperature=0.6, top_p=0.95, eos_token_ids=(634,))
EVERYTHING = b"""{
    "temperature": 0.5, "top_p": 0.9, "top_k": 20, "min_p": 0.1, "repetition_penalty": 1.1,
    "presence_penalty": 0.2, "frequency_penalty": -0.3, "max_tokens": 100,
    "max_thinking_tokens": 50, "enable_thinking": false
}"""


def snapshot(generation: bytes | None = None, prompt: bytes | None = None) -> Snapshot:
    files = {"generation.json": generation, "system-prompt.txt": prompt}
    return Snapshot("/etc/r1", {name: data for name, data in files.items() if data is not None})


def test_every_member_takes_the_place_of_the_checkpoints() -> None:
    defaults = parse_operator_defaults(snapshot(EVERYTHING, b"Be brief.\n")).over(CHECKPOINT)

    assert defaults == GenerationDefaults(
        temperature=0.5,
        top_p=0.9,
        top_k=20,
        min_p=0.1,
        repetition_penalty=1.1,
        presence_penalty=0.2,
        frequency_penalty=-0.3,
        max_tokens=100,
        max_thinking_tokens=50,
        enable_thinking=False,
        system_prompt="Be brief.",
        eos_token_ids=(634,),
    )


def test_what_the_files_leave_open_stays_the_checkpoints() -> None:
    defaults = parse_operator_defaults(snapshot(b'{"temperature": 0}')).over(CHECKPOINT)

    assert (defaults.temperature, defaults.top_p, defaults.max_tokens) == (0.0, 0.95, 2048)
    assert parse_operator_defaults(snapshot()).over(CHECKPOINT) == CHECKPOINT


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(b"Be brief.\r\n\n", "Be brief.", id="line ends behind it"),
        pytest.param(b"\n Be\nbrief. ", "\n Be\nbrief. ", id="blanks elsewhere"),
        pytest.param("短く。<think>".encode(), "短く。<think>", id="any text"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"\n", None, id="a line end alone"),
    ],
)
def test_a_system_prompt_is_the_text_without_its_last_line_ends(
    content: bytes, text: str | None
) -> None:
    assert parse_operator_defaults(snapshot(prompt=content)).system_prompt == text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b'{"temperature": 3}', "temperature is 3, must be 0 or a number", id="range"),
        pytest.param(b'{"top_k": 1.5}', "top_k is 1.5, must be an integer", id="type"),
        pytest.param(b'{"max_tokens": 0}', "max_tokens is 0, must be an integer from 1", id="0"),
        pytest.param(b'{"min_p": null}', "min_p is null, leave it out", id="null"),
        pytest.param(b'{"seed": 1}', "unknown member 'seed', known: temperature,", id="seed"),
        pytest.param(b'{"stop": ["x"]}', "unknown member 'stop'", id="stop"),
        pytest.param(b'{"raw": true}', "unknown member 'raw'", id="raw"),
        pytest.param(b'{"top_p": 1, "top_p": 1}', "has the key 'top_p' twice", id="twice"),
        pytest.param(b"[]", "the content is a list, must be an object", id="list"),
        pytest.param(b"", "the content is not JSON", id="empty"),
        pytest.param(b'{"top_p": NaN}', "the content is not JSON", id="nan"),
    ],
)
def test_bad_generation_defaults_are_refused_by_file_field_and_value(
    content: bytes, words: str
) -> None:
    with pytest.raises(SettingRefused) as refused:
        parse_operator_defaults(snapshot(content))

    assert str(refused.value).startswith("/etc/r1/generation.json: ")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"marked\xff", "is not UTF-8 from byte 6 on, must be", id="not UTF-8"),
        pytest.param("märked\0".encode(), "has a NUL at byte 7, must have none", id="NUL"),
    ],
)
def test_a_bad_system_prompt_is_refused_without_a_word_of_it(content: bytes, words: str) -> None:
    with pytest.raises(SettingRefused) as refused:
        parse_operator_defaults(snapshot(prompt=content))

    assert str(refused.value) == f"/etc/r1/system-prompt.txt {words}"


def test_a_directory_that_could_not_be_read_is_refused_in_its_words() -> None:
    with pytest.raises(SettingRefused, match=r"^no such directory$"):
        parse_operator_defaults(Snapshot("/etc/r1", fault="no such directory"))
