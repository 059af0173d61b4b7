"""JSON (RFC 8259) from outside: checked before anything else looks at it."""

from collections.abc import Collection, Iterable
from itertools import chain
from typing import Any, Final

import orjson

from predictor.errors import InvalidRequest
from predictor.protocol.wording import kind, listing, quote

MAX_JSON_DEPTH: Final = 64


def parse_json(text: bytes | str, what: str) -> object:
    """Return the value; ``what`` names the text in errors.

    Raises InvalidRequest for what is not UTF-8 JSON (NaN, a number beyond a double and a lone
    surrogate are not) or nested deeper than MAX_JSON_DEPTH.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"{what} is not JSON: {error.msg} at character {error.pos}") from None
    # Few brackets cannot nest deep: ordinary requests are not walked.
    as_bytes = text.encode() if isinstance(text, str) else text
    if as_bytes.count(b"[") + as_bytes.count(b"{") > MAX_JSON_DEPTH:
        _check_depth(value, what)
    return value


def parse_object(text: bytes, what: str) -> dict[str, object]:
    return check_object(parse_json(text, what), what)


def check_object(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise InvalidRequest(f"{what} is {kind(value)}, must be an object")
    return value


def check_list(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise InvalidRequest(f"{what} is {kind(value)}, must be a list")
    return value


def check_members(
    members: dict[str, object],
    what: str,
    *,
    required: Collection[str] = (),
    optional: Collection[str] = (),
) -> None:
    """Raise InvalidRequest for an unknown, a null or a missing member, by its name."""
    known = [*required, *optional]
    for name, value in members.items():
        if name not in known:
            raise InvalidRequest(
                f"{what} has unknown member {quote(name)}, known: {listing(known)}"
            )
        if value is None:
            raise InvalidRequest(f"{what}: {name} is null, leave it out instead")
    for name in required:
        if name not in members:
            raise InvalidRequest(f"{what} has no {name}")


def _check_depth(value: object, what: str) -> None:
    # A million values take about a tenth of a second.
    level: Iterable[Any] = [value]
    for _ in range(MAX_JSON_DEPTH + 1):
        containers = [node for node in level if type(node) in (list, dict)]
        if not containers:
            return
        level = chain.from_iterable(
            node.values() if type(node) is dict else node for node in containers
        )
    raise InvalidRequest(f"{what} is nested deeper than {MAX_JSON_DEPTH} levels")
