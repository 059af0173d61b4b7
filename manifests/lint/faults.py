"""What a rule finds, and the line that says so."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from manifests.lint.render import Document

# Keys and indices from the top of an object.
Path = tuple[str | int, ...]

MISSING: Final = "missing"
MAX_VALUE_LENGTH: Final = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """A field that breaks a rule; ``rule`` says what is allowed and who wants it."""

    document: Document
    path: Path
    rule: str
    # None: what stands at the path.
    value: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """A finding with its place: ``file`` is relative to ``manifests/``."""

    file: str
    line: int
    subject: str
    field: str
    value: str
    rule: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: {self.subject}"
        return f"{place}: {self.field} = {self.value}: {self.rule}"


def at(body: Any, *path: str | int) -> Any:
    """Return what stands at the path, or None: also where something else stands in its way."""
    for key in path:
        if isinstance(key, str) and isinstance(body, Mapping):
            body = body.get(key)
        elif isinstance(key, int) and isinstance(body, list) and key < len(body):
            body = body[key]
        else:
            return None
    return body


def mapping(body: Any, *path: str | int) -> dict[str, Any]:
    """Return the mapping at the path, an empty one where there is none."""
    found = at(body, *path)
    return found if isinstance(found, dict) else {}


def items(body: Any, *path: str | int) -> list[dict[str, Any]]:
    """Return the mappings in the list at the path."""
    found = at(body, *path)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def select(body: Any, pattern: Path) -> Iterator[tuple[Path, Any]]:
    """Yield each place that the pattern names, and what stands there; ``*`` is any one key."""
    if not pattern:
        yield (), body
        return
    key, rest = pattern[0], pattern[1:]
    if key == "*":
        keys: list[Any] = []
        if isinstance(body, dict | list):
            keys = list(body) if isinstance(body, dict) else list(range(len(body)))
    else:
        keys = [key] if at(body, key) is not None else []
    for found in keys:
        for path, value in select(body[found], rest):
            yield (found, *path), value


def field_text(path: Path) -> str:
    """Spell a path as kubectl does, with brackets round what is no plain name."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif key.replace("-", "").replace("_", "").isalnum():
            text += f".{key}" if text else key
        else:
            text += f'["{key}"]'
    return text or "(object)"


def value_text(value: Any) -> str:
    """Spell a value as JSON, short enough for one line."""
    if value is None:
        return MISSING
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[: MAX_VALUE_LENGTH - 3]}..."
