"""Synthetic prompts: lengths, distinctness, prefixes."""

import json
from pathlib import Path

import pytest

from loadtest.errors import UsageError
from loadtest.lengths import parse_lengths
from loadtest.prompts.counting import LocalTokenizer
from loadtest.prompts.prompt import Prompt
from loadtest.prompts.synthetic import SyntheticSource
from loadtest.prompts.words import WORDS, Words
from loadtest.record import NEVER
from tests.loadtest.prompts.small_tokenizers import EMBEDDED, write_spanning, write_split

NUM_PROMPTS = 200


def make(
    lengths: str, tokenizer: LocalTokenizer | None = None, *, seed: int = 3, **prefix: int
) -> SyntheticSource:
    return SyntheticSource(Words(seed, tokenizer), parse_lengths(lengths), seed=seed, **prefix)


def text_of(prompt: Prompt) -> str:
    (message,) = prompt.messages
    assert message.role == "user"
    return message.content


def texts_of(source: SyntheticSource, num_prompts: int = NUM_PROMPTS) -> list[str]:
    return [text_of(source.draw(index, 0)) for index in range(num_prompts)]


def test_without_a_tokenizer_lengths_are_words_and_no_tokens_are_asked() -> None:
    prompts = [make("uniform:1..40").draw(index, 0) for index in range(NUM_PROMPTS)]
    lengths = {len(text_of(prompt).split(" ")) for prompt in prompts}
    assert lengths == set(range(1, 41))
    assert {prompt.asked_prompt_tokens for prompt in prompts} == {NEVER}


@pytest.mark.parametrize("kind", ["byte-level", "words", "spanning"])
@pytest.mark.parametrize("prefix", [0, 16])
def test_a_prompt_has_exactly_the_tokens_asked_for(tmp_path: Path, kind: str, prefix: int) -> None:
    file = tmp_path / "tokenizer.json"
    # The spanning one has a token for every word behind "the" and before "of".
    pairs = [f"{a} {b}" for word in WORDS.split() for a, b in (("the", word), (word, "of"))]
    path = {
        "byte-level": lambda: EMBEDDED,
        "words": lambda: write_split(file),
        "spanning": lambda: write_spanning(file, *pairs),
    }[kind]()
    tokenizer = LocalTokenizer(path)
    source = make("uniform:1..300", tokenizer, prefix_groups=bool(prefix), prefix_tokens=prefix)
    prompts = [source.draw(index, 0) for index in range(NUM_PROMPTS)]
    asked = [prompt.asked_prompt_tokens for prompt in prompts]
    assert [tokenizer.count(text_of(prompt)) for prompt in prompts] == asked
    assert len(set(asked)) > 100
    assert min(asked) >= prefix + 1


def test_a_tokenizer_of_other_words_is_refused(tmp_path: Path) -> None:
    file = write_split(tmp_path / "tokenizer.json")
    words = json.loads(file.read_text())
    words["model"]["vocab"] = {"[UNK]": 0, "the": 1, "zwei": 2}
    file.write_text(json.dumps(words))
    with pytest.raises(UsageError, match="has 2 of the 408 words"):
        make("5", LocalTokenizer(file))


@pytest.mark.parametrize("lengths", ["2", "3", "64"])
def test_no_two_prompts_are_alike(lengths: str) -> None:
    assert len(set(texts_of(make(lengths), 5000))) == 5000


def test_no_two_prompts_begin_alike() -> None:
    beginnings = {tuple(text.split(" ")[:3]) for text in texts_of(make("64"), 5000)}
    assert len(beginnings) == 5000


def test_a_prompt_depends_on_its_seed_index_and_turn_alone() -> None:
    source = make("uniform:9..30")
    backwards = [text_of(source.draw(index, 0)) for index in reversed(range(NUM_PROMPTS))]
    assert backwards[::-1] == texts_of(make("uniform:9..30"))
    assert source.draw(0, 1).messages != source.draw(0, 0).messages


def test_the_prompts_of_another_seed_begin_in_another_way() -> None:
    ours, theirs = texts_of(make("30")), texts_of(make("30", seed=4))
    assert not {text[:12] for text in ours} & {text[:12] for text in theirs}


def test_each_group_has_a_prefix_and_each_prompt_its_own_rest() -> None:
    texts = texts_of(make("uniform:5..9", prefix_groups=4, prefix_tokens=20))
    words = [text.split(" ") for text in texts]
    prefixes = [tuple(parts[:20]) for parts in words]
    assert len(set(prefixes)) == 4
    assert len({prefix[:2] for prefix in prefixes}) == 4
    assert len({prefix[-3:] for prefix in prefixes}) == 4
    assert min(prefixes.count(prefix) for prefix in set(prefixes)) > NUM_PROMPTS / 8
    assert len({tuple(parts[20:]) for parts in words}) == NUM_PROMPTS
    assert {len(parts) for parts in words} == set(range(25, 30))


def test_only_the_first_turn_has_a_prefix() -> None:
    source = make("5", prefix_groups=4, prefix_tokens=20)
    assert len(text_of(source.draw(0, 1)).split(" ")) == 5
