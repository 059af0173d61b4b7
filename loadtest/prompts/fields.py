"""Fields of one line of a workload file, checked as they are taken.

No message holds a string of the file: it may be the text of a prompt.
"""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from loadtest.errors import UsageError
from loadtest.prompts.prompt import Option


@dataclass(slots=True)
class Fields:
    """The fields not taken yet; ``where`` begins every error: FILE:LINE, and a path within it."""

    where: str
    values: dict[str, Any]
    taken: list[str]

    def take(self, name: str) -> Any:
        """Return the value as it is, None where it is not given."""
        self.taken.append(name)
        return self.values.pop(name, None)

    def take_text(self, name: str) -> str | None:
        value = self.take(name)
        if value is None or (isinstance(value, str) and value):
            return value
        raise self.refuse(name, value, "text of at least one character")

    def take_whole(self, name: str, *, least: int, most: int) -> int | None:
        value = self.take(name)
        if value is None or (type(value) is int and least <= value <= most):
            return value
        raise self.refuse(name, value, f"a whole number of {least}..{most}")

    def take_number(self, name: str, *, most: float) -> float | int | None:
        value = self.take(name)
        if value is None or (type(value) in (int, float) and 0 <= value <= most):
            return value  # type: ignore[no-any-return]
        raise self.refuse(name, value, f"a number of 0..{most:g}")

    def take_list(self, name: str) -> list[Any]:
        """Return the list, an empty one where it is not given."""
        value = self.take(name)
        if value is None:
            return []
        if isinstance(value, list) and value:
            return value
        raise self.refuse(name, value, "a list with at least one entry")

    def take_options(self, name: str) -> dict[str, Option]:
        value = self.take(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.refuse(name, value, "an object")
        for key, option in value.items():
            if allowed := allowed_instead(key, option):
                raise self.refuse(f"{name}.{key}", option, allowed)
        return value

    def within(self, name: str, value: object) -> "Fields":
        """Return the fields of an object inside this one."""
        if not isinstance(value, dict):
            raise self.refuse(name, value, "an object")
        return Fields(f"{self.where}{name}.", value, [])

    def refuse(self, name: str, value: object, allowed: str) -> UsageError:
        """Return the error of a field with that value; a string is told as such alone."""
        if value is None:
            return UsageError(f"{self.where}{name} is missing, must be {allowed}")
        return UsageError(f"{self.where}{name} is {describe(value)}, must be {allowed}")

    def end(self) -> None:
        """Refuse the fields that nothing has taken, so that none is ignored."""
        for name in self.values:
            known = ", ".join(self.taken)
            raise UsageError(f"{self.where}{name[:40]!r} is not a known field, known: {known}")


_OPTION_KINDS: Final = "a string, a number, true, false or a list of strings or of whole numbers"
# The record holds counts in 32 bits.
_MAX_TOKENS: Final = 2**31 - 1
# Of options that are numbers of tokens.
_LEAST: Final = {"max_tokens": 1, "min_tokens": 0}


def allowed_instead(name: str, value: object) -> str | None:
    """Return what the generation parameter may be where it may not have that value."""
    if not _is_option(value):
        return _OPTION_KINDS
    least = _LEAST.get(name)
    if least is None or (type(value) is int and least <= value <= _MAX_TOKENS):
        return None
    return f"a whole number of {least}..{_MAX_TOKENS}"


def _is_option(value: object) -> bool:
    if isinstance(value, list):
        return all(type(item) is str for item in value) or all(type(item) is int for item in value)
    return isinstance(value, str | int | float)


def parse_object(where: str, line: bytes) -> Fields:
    """Return the fields of a line; raises UsageError, beginning with ``where``, if it is no object.

    A JSON null counts as not given.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{where}line is not JSON: {error.msg} at column {error.colno}") from None
    if not isinstance(value, dict):
        raise UsageError(f"{where}line is {describe(value)}, must be a JSON object")
    return Fields(where, value, [])


def describe(value: object) -> str:
    """Return a JSON value as errors may show it: of a string its length alone."""
    match value:
        case str():
            return f"a string of {len(value)} characters"
        case list():
            return f"a list of {len(value)}"
        case dict():
            return "an object"
        case _:
            return orjson.dumps(value).decode()
