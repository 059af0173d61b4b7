"""Which line of which file a field comes from, patches and images included."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from manifests.lint.faults import Fault, Finding, at, field_text, items, value_text
from manifests.lint.faults import Path as FieldPath
from manifests.lint.render import KUSTOMIZATION, Document, Recipe

Place = tuple[str, int]


def locate(finding: Finding, recipe: Recipe, root: Path) -> Fault:
    """Return the finding with the file and line that a user edits to mend it."""
    document, path = finding.document, finding.path
    found = at(document.body, *path)
    file, line = _place(document, path, found, recipe, root)
    return Fault(
        file,
        line,
        f"{document.kind}/{document.name}",
        field_text(path),
        finding.value if finding.value is not None else value_text(found),
        finding.rule,
    )


def _place(document: Document, path: FieldPath, found: Any, recipe: Recipe, root: Path) -> Place:
    stated, line, source = _origin_line(document, path, root)
    if stated and source == found:
        return document.origin, line
    return _patch_place(document, path, recipe, root) or (document.origin, line)


def _origin_line(document: Document, path: FieldPath, root: Path) -> tuple[bool, int, Any]:
    """Return whether the field is in the origin file, its line or its parent's, and its value."""
    for node, body in _read(root / document.origin):
        # One object a file, so its kind tells: a patch may have changed its name.
        if at(body, "kind") == document.kind:
            depth, line = _walk(node, path)
            return depth == len(path), line, at(body, *path)
    return False, 1, None


def _patch_place(document: Document, path: FieldPath, recipe: Recipe, root: Path) -> Place | None:
    """Return the last place in the target's kustomizations that sets the field."""
    last = None
    for kustomization in _kustomizations(recipe, root):
        name = str(kustomization.relative_to(root))
        [(node, body)] = _read(kustomization)
        if path[-1:] == ("image",) and at(body, "images"):
            last = name, _walk(node, ("images",))[1]
        for entry in items(body, "patches"):
            patch = str(entry.get("path", ""))
            line = _patch_line(kustomization.parent / patch, document, path) if patch else None
            if line is not None:
                folder = str(kustomization.parent.relative_to(root))
                last = os.path.normpath(os.path.join(folder, patch)), line
    return last


def _patch_line(file: Path, document: Document, path: FieldPath) -> int | None:
    for node, body in _read(file):
        if isinstance(body, list):
            lines = [
                _walk(node, (index, "value"))[1]
                for index, operation in enumerate(body)
                if _covers(str(at(operation, "path")), path)
            ]
            return lines[-1] if lines else None
        if at(body, "metadata", "name") == document.name:
            depth, line = _walk(node, path)
            return line if depth == len(path) else None
    return None


def _covers(pointer: str, path: FieldPath) -> bool:
    """Whether a JSON pointer names the field or something round it."""
    keys = [key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:]]
    # A dash is the place behind a list's end.
    same = [key in ("-", str(field)) for key, field in zip(keys, path, strict=False)]
    return bool(keys) and len(keys) <= len(path) and all(same)


def _kustomizations(recipe: Recipe, root: Path) -> Iterator[Path]:
    """Yield the kustomizations of the recipe, each before the one that builds on it."""
    for folder in (*recipe.resources, *recipe.components):
        yield from _below(root / folder)


def _below(folder: Path) -> Iterator[Path]:
    file = folder / KUSTOMIZATION
    [(_, body)] = _read(file)
    for entry in [*(at(body, "resources") or []), *(at(body, "components") or [])]:
        if (folder / entry / KUSTOMIZATION).is_file():
            yield from _below((folder / entry).resolve())
    yield file


def _walk(node: yaml.Node | None, path: FieldPath) -> tuple[int, int]:
    """Return how far the path leads, and the line (from 1) of the last key on it."""
    depth, line = 0, node.start_mark.line + 1 if node else 1
    for key in path:
        step = _child(node, key)
        if step is None:
            break
        line, node = step
        depth += 1
    return depth, line


def _child(node: yaml.Node | None, key: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return name.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line + 1, node.value[key]
    return None


@cache
def _read(file: Path) -> list[tuple[yaml.Node, Any]]:
    """Return the YAML documents of a file as nodes, which know their lines, and as values."""
    text = file.read_text()
    nodes = list(yaml.compose_all(text, Loader=yaml.CSafeLoader))
    return list(zip(nodes, yaml.load_all(text, Loader=yaml.CSafeLoader), strict=True))
