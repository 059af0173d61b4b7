"""Small tokenizers: one that splits at spaces, and one whose tokens span words."""

from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, processors

from loadtest.prompts.words import WORDS

EMBEDDED = Path("predictor/demo")


def write_spanning(path: Path, *merged: str) -> Path:
    """Write a tokenizer of whole words behind spaces that merges those pairs across the space."""
    vocabulary = {"[UNK]": -1.0, " ": -1.0} | dict.fromkeys(WORDS.split(), -5.0)
    vocabulary |= {f" {word}": -5.0 for word in WORDS.split()} | dict.fromkeys(merged, -2.0)
    model = models.Unigram(list(vocabulary.items()), unk_id=0, byte_fallback=False)
    Tokenizer(model).save(str(path))
    return path


def write_split(path: Path) -> Path:
    """Write a tokenizer of whole words that is asked to cut, to pad and to mark what it counts."""
    vocabulary = {word: number for number, word in enumerate(("[UNK]", *WORDS.split()))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[UNK] $A", special_tokens=[("[UNK]", 0)]
    )
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=32)
    tokenizer.save(str(path))
    return path
