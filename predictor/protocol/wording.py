"""How error messages spell what a client sent. A prompt is never spelled, only its kind."""

import reprlib
from collections.abc import Iterable
from typing import Final

MAX_QUOTED: Final = 60

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
    text = _Spelling().repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= MAX_QUOTED else text[: MAX_QUOTED - 3] + "..."


class _Spelling(reprlib.Repr):
    """Cuts before it spells, so that a large value costs no more than a small one."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = MAX_QUOTED
        self.maxlevel = 3

    def repr_NoneType(self, value: None, level: int) -> str:  # noqa: N802 - reprlib's name
        return "null"

    def repr_bool(self, value: bool, level: int) -> str:
        return "true" if value else "false"


def kind(value: object) -> str:
    """Return what sort of JSON value or element this is, without its content."""
    return _KINDS[type(value)]


def listing(names: Iterable[str]) -> str:
    return ", ".join(names)
