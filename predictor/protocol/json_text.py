"""JSON (RFC 8259) from outside: checked before anything else looks at it."""

import json
from collections.abc import Collection, Iterable
from itertools import chain
from typing import Any, Final

import orjson

from predictor.errors import InvalidRequest
from predictor.protocol.wording import kind, listing, quote

# orjson needs a third of a second and 100 MB for the values that 4 MiB can hold.
MAX_JSON_VALUES: Final = 100_000


def parse_json(text: bytes | str, what: str, *, max_depth: int = 64) -> object:
    """Return the value; ``what`` names the text in errors.

    Raises InvalidRequest for what is not UTF-8 JSON (NaN, a number beyond a double and a lone
    surrogate are not), holds more than MAX_JSON_VALUES values, is nested deeper than
    ``max_depth`` or has a key twice in one object. An integer beyond 64 bits becomes a float.
    """
    encoded = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    outside = _outside_strings(encoded)
    if outside is None or _count_values(outside) > MAX_JSON_VALUES:
        raise InvalidRequest(
            f"{what} holds over {MAX_JSON_VALUES} JSON values, must hold at most {MAX_JSON_VALUES}"
        )
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"{what} is not JSON: {error.msg} at character {error.pos}") from None
    num_members = _count_members(value, max_depth, what)
    # Each member has its colon, but of those with the same key only the last is in the value.
    if num_members != outside.count(b":"):
        key = quote(_find_repeated_key(encoded))
        raise InvalidRequest(f"{what} has the key {key} twice in one object, must have it once")
    return value


def parse_object(text: bytes, what: str, *, max_depth: int) -> dict[str, object]:
    return check_object(parse_json(text, what, max_depth=max_depth), what)


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


def _outside_strings(text: bytes) -> bytes | None:
    """Return a JSON text without blanks and its strings' contents, each string as one quote.

    None for more quotes than MAX_JSON_VALUES values have with their keys: each of them would cost.
    Of a text that is no JSON anything may come back.
    """
    # Pairs of backslashes first, from the left: then a backslash before a quote escapes it.
    unescaped = text.replace(rb"\\", b"__").replace(rb"\"", b"__")
    if unescaped.count(b'"') > 4 * MAX_JSON_VALUES:
        return None
    return b'"'.join(unescaped.split(b'"')[::2]).translate(None, b" \t\r\n")


def _count_values(outside: bytes) -> int:
    """Return how many values a JSON text has, from what is outside its strings."""
    # A container of n values has n - 1 commas, an empty one none.
    num_containers = outside.count(b"[") + outside.count(b"{")
    num_empty = outside.count(b"[]") + outside.count(b"{}")
    return 1 + outside.count(b",") + num_containers - num_empty


def _count_members(value: object, max_depth: int, what: str) -> int:
    """Return the number of members of all objects; raises InvalidRequest where it is too deep."""
    num_members = 0
    level: Iterable[Any] = [value]
    for _ in range(max_depth + 1):
        containers = [node for node in level if type(node) in (list, dict)]
        if not containers:
            return num_members
        num_members += sum(len(node) for node in containers if type(node) is dict)
        level = chain.from_iterable(
            node.values() if type(node) is dict else node for node in containers
        )
    raise InvalidRequest(f"{what} is nested deeper than {max_depth} levels")


def _find_repeated_key(text: bytes) -> str:
    """Return a key that an object of this JSON text has twice."""
    repeated: list[str] = []

    def note(members: list[tuple[str, object]]) -> None:
        names = set()
        for name, _ in members:
            if name in names:
                repeated.append(name)
            names.add(name)

    json.loads(text, object_pairs_hook=note)
    return repeated[0]
