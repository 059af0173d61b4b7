"""Servers quote prompts and credentials in their errors; what is kept of those must not."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from loadtest.prompts.prompt import Prompt

MAX_CHARACTERS: Final = 120
# A shorter run in common is taken for the language's own.
_RUN: Final = 12
_CREDENTIAL_RUN: Final = 8
_LEAST_CREDENTIAL: Final = 4
_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def without_prompt(message: str, prompt: Prompt) -> str:
    """Return the first 120 characters on one line, '…' for what the prompt spells as well.

    That is each run of 12 characters or more, or a shorter prompt as a whole; plain, escaped as in
    JSON or as in Python. Shorter pieces of a long prompt are not recognised.
    """
    shown = message[:MAX_CHARACTERS].replace("\0", " ")
    masked = list(shown)
    for text in (message.content for message in prompt.messages):
        for spelling in _spellings(text):
            _mask(masked, shown, spelling, _RUN)
    return _join(masked)


def printable(text: str) -> str:
    """Return the text with a blank for each character that a terminal or a page might obey."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else " " for letter in text)


@lru_cache(maxsize=256)
def without_credentials(detail: str, credentials: tuple[str, ...]) -> str:
    """Return the line with '…' for each credential of 4 characters or more.

    That is for runs of 8 characters of it or more, or a shorter one as a whole, and for its
    beginning where the line was cut within it; in upper or lower case, and spelled as a prompt is.
    """
    # A gateway may fold white space, as `without_prompt` does, and case.
    shown = detail.replace("\0", " ").translate(_LOWER)
    masked = list(detail)
    for credential in credentials:
        text = " ".join(credential.split())
        if len(text) < _LEAST_CREDENTIAL:
            continue
        for spelling in _spellings(text):
            _mask(masked, shown, spelling.translate(_LOWER), _CREDENTIAL_RUN)
            _mask_end(masked, shown, spelling.translate(_LOWER))
    return _join(masked) if "\0" in masked else detail


def _mask(masked: list[str], shown: str, spelling: str, run: int) -> None:
    """Put NUL for what ``shown`` has in common with the spelling: runs, or a shorter one whole."""
    width = min(run, len(spelling))
    for start in range(len(shown) - width + 1):
        if shown[start : start + width] in spelling:
            masked[start : start + width] = "\0" * width


def _mask_end(masked: list[str], shown: str, spelling: str) -> None:
    for width in range(_LEAST_CREDENTIAL, min(len(spelling), len(shown))):
        if shown.endswith(spelling[:width]):
            masked[-width:] = "\0" * width


def _join(masked: list[str]) -> str:
    return " ".join(re.sub("\0+", "…", "".join(masked)).split())


def _spellings(text: str) -> Iterator[str]:
    if text:
        yield from dict.fromkeys((text, json.dumps(text)[1:-1], repr(text)[1:-1]))
