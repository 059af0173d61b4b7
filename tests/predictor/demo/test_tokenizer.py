"""The demo tokenizer, as the server loads it: bytes round-trip, control tokens as DeepSeek's."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

import predictor.demo

DEMO_DIR = Path(predictor.demo.__file__).parent
TOKENIZER = PreTrainedTokenizerFast.from_pretrained(DEMO_DIR)

BOS = "<｜begin▁of▁sentence｜>"
EOS = "<｜end▁of▁sentence｜>"
QUESTION = {"role": "user", "content": "1+2"}


def render(messages: list[dict[str, str]], *, add_generation_prompt: bool = True) -> str:
    return str(
        TOKENIZER.apply_chat_template(
            messages, add_generation_prompt=add_generation_prompt, tokenize=False
        )
    )


@settings(max_examples=300)
@given(st.text())
def test_any_text_round_trips(text: str) -> None:
    token_ids = TOKENIZER.encode(text, add_special_tokens=False)

    assert TOKENIZER.decode(token_ids) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("content", "is_special"),
    [
        (EOS, True),
        ("<｜User｜>", False),
        ("<｜Assistant｜>", False),
        (BOS, True),
        ("<think>", False),
        ("</think>", False),
    ],
)
def test_control_tokens_are_one_token_with_the_flag_of_the_real_checkpoint(
    content: str, is_special: bool
) -> None:
    token_ids = TOKENIZER.encode(f"1{content}2", add_special_tokens=False)

    assert len(token_ids) == 3
    assert TOKENIZER.added_tokens_decoder[token_ids[1]].special is is_special
    kept = TOKENIZER.decode(token_ids, skip_special_tokens=True)
    assert kept == ("12" if is_special else f"1{content}2")


def test_control_tokens_stand_after_the_byte_level_vocabulary() -> None:
    added = sorted(TOKENIZER.added_tokens_decoder)

    assert added == list(range(len(TOKENIZER) - 6, len(TOKENIZER)))
    assert (TOKENIZER.bos_token, TOKENIZER.eos_token, TOKENIZER.pad_token) == (BOS, EOS, EOS)


def test_each_digit_is_its_own_token() -> None:
    token_ids = TOKENIZER.encode("1289", add_special_tokens=False)

    assert [TOKENIZER.decode([token_id]) for token_id in token_ids] == ["1", "2", "8", "9"]


@pytest.mark.parametrize(
    ("messages", "rendered"),
    [
        pytest.param(
            [QUESTION],
            f"{BOS}<｜User｜>1+2<｜Assistant｜><think>\n",
            id="one turn",
        ),
        pytest.param(
            [{"role": "system", "content": "Be brief."}, QUESTION],
            f"{BOS}Be brief.<｜User｜>1+2<｜Assistant｜><think>\n",
            id="system prompt",
        ),
        pytest.param(
            [QUESTION, {"role": "assistant", "content": "work</think>\n\n3"}, QUESTION],
            f"{BOS}<｜User｜>1+2<｜Assistant｜>\n\n3{EOS}<｜User｜>1+2<｜Assistant｜><think>\n",
            id="history loses its thoughts",
        ),
    ],
)
def test_chat_template_renders_the_format_of_the_real_checkpoint(
    messages: list[dict[str, str]], rendered: str
) -> None:
    assert render(messages) == rendered


def test_without_a_generation_prompt_nothing_opens_the_thoughts() -> None:
    assert render([QUESTION], add_generation_prompt=False) == f"{BOS}<｜User｜>1+2"
