"""How error messages spell what a client sent. A prompt is never spelled, only its kind."""

import reprlib
from collections.abc import Iterable
from typing import Final

MAX_QUOTED: Final = 60

# Cuts before it spells, so that a large value costs no more than a small one.
_REPR: Final = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = MAX_QUOTED
_REPR.maxlevel = 3

_CONSTANTS: Final = {None: "null", True: "true", False: "false"}
_KINDS: Final = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    bytes: "bytes",
    list: "a list",
    dict: "an object",
}


def quote(value: object) -> str:
    """Return the value as a client would recognize it, in at most MAX_QUOTED characters."""
    if value is None or isinstance(value, bool):
        return _CONSTANTS[value]
    text = _REPR.repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= MAX_QUOTED else text[: MAX_QUOTED - 3] + "..."


def kind(value: object) -> str:
    """Return what sort of JSON value or element this is, without its content."""
    return _KINDS[type(value)]


def listing(names: Iterable[str]) -> str:
    return ", ".join(names)
