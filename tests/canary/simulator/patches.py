"""JSON merge patch (RFC 7386), the part of JSON patch (RFC 6902) in use, and field ownership."""

import copy
from collections.abc import Iterator
from typing import Any

Path = tuple[str, ...]


class PatchFailed(Exception):
    """An operation's path is missing, or its test does not hold."""


def merge(target: Any, patch: Any) -> Any:
    """Return the target with the patch merged in; null removes."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def apply_operations(target: Any, operations: list[dict[str, Any]]) -> Any:
    """Return the target after add, replace, remove and test."""
    document = copy.deepcopy(target)
    for operation in operations:
        _apply_one(document, operation)
    return document


def _apply_one(document: Any, operation: dict[str, Any]) -> None:
    *parents, last = (
        part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
    )
    place = document
    for part in parents:
        place = _child(place, part)
    match operation["op"]:
        case "test":
            if _child(place, last) != operation.get("value"):
                raise PatchFailed(f"testing value {operation['path']} failed")
        case "add" if isinstance(place, list):
            place.insert(len(place) if last == "-" else int(last), operation["value"])
        case "add":
            place[last] = operation["value"]
        case "replace":
            _child(place, last)
            place[_key(place, last)] = operation["value"]
        case "remove":
            _child(place, last)
            del place[_key(place, last)]
        case unknown:
            raise PatchFailed(f"Unexpected kind: {unknown}")


def _key(place: Any, part: str) -> Any:
    return int(part) if isinstance(place, list) else part


def _child(place: Any, part: str) -> Any:
    try:
        return place[_key(place, part)]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise PatchFailed(f"path does not exist: {part}") from error


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield each field with its path; a list counts as one field."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif path:
        yield path, value


def owned(managed: dict[str, Any], path: Path = ()) -> Iterator[Path]:
    """Yield the paths of a FieldsV1."""
    for key, inner in managed.items():
        if key == ".":
            continue
        place = (*path, key.removeprefix("f:"))
        if inner:
            yield from owned(inner, place)
        else:
            yield place


def fields_of(paths: set[Path]) -> dict[str, Any]:
    """Return the FieldsV1 of some paths."""
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        place = tree
        for part in path:
            place = place.setdefault(f"f:{part}", {})
    return tree
