"""Servers quote prompts in their errors; what is kept of those must not."""

import json
import re
from collections.abc import Iterator
from typing import Final

from loadtest.prompts.prompt import Prompt

MAX_CHARACTERS: Final = 120
# A shorter run in common is taken for the language's own.
_RUN: Final = 12


def without_prompt(message: str, prompt: Prompt) -> str:
    """Return the first 120 characters on one line, '…' for what the prompt spells as well.

    That is each run of 12 characters or more, or a shorter prompt as a whole; plain, escaped as in
    JSON or as in Python. Shorter pieces of a long prompt are not recognised.
    """
    letters = list(message[:MAX_CHARACTERS].replace("\0", " "))
    shown = "".join(letters)
    for spelling in _spellings(prompt):
        width = min(_RUN, len(spelling))
        for start in range(len(shown) - width + 1):
            if shown[start : start + width] in spelling:
                letters[start : start + width] = "\0" * width
    return " ".join(re.sub("\0+", "…", "".join(letters)).split())


def _spellings(prompt: Prompt) -> Iterator[str]:
    for message in prompt.messages:
        text = message.content
        if text:
            yield from dict.fromkeys((text, json.dumps(text)[1:-1], repr(text)[1:-1]))
