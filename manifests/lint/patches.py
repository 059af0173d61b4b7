"""A patch whose target matches nothing changes nothing, and kustomize does not say so.

Source: kustomize v5, api/resmap/reswrangler.go (Select), api/types/selector.go.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from manifests.lint.faults import Fault, at, items, mapping, value_text
from manifests.lint.render import KUSTOMIZATION, Recipe

KUSTOMIZE: Final = "kustomize"
DELETE: Final = "delete"


@dataclass(slots=True)
class Found:
    """An object on its way through kustomizations, under all the names it has had there."""

    body: dict[str, Any]
    names: set[str]


@dataclass(frozen=True, slots=True)
class Idle:
    """A patch that is for nothing in its recipe; an optional one is a component's."""

    fault: Fault
    selector: Mapping[str, Any]
    is_optional: bool


@dataclass(slots=True)
class Walk:
    """The objects of one recipe so far, and the patches that none of them is for."""

    root: Path
    objects: list[Found] = field(default_factory=list)
    idle: list[Idle] = field(default_factory=list)


def check(root: Path, recipes: Sequence[Recipe]) -> set[Fault]:
    """Return a fault for each patch that is for nothing in the recipe that uses it.

    A component's may be for what another component brings, wherever that is in the tree.
    """
    idle: list[Idle] = []
    objects: list[Found] = []
    for recipe in recipes:
        walk = Walk(root)
        try:
            for folder in (*recipe.resources, *recipe.components):
                _build(walk, root / folder)
        except (OSError, yaml.YAMLError, re.error):
            # The files' own faults, which raw.py and kustomize tell.
            continue
        idle += walk.idle
        objects += walk.objects
    return {
        each.fault
        for each in idle
        if not (each.is_optional and any(_matches(each.selector, found) for found in objects))
    }


def _build(walk: Walk, folder: Path) -> None:
    """Add what a kustomization names, components last, and then patch it."""
    body = yaml.load((folder / KUSTOMIZATION).read_text(), Loader=yaml.CSafeLoader)
    is_component = at(body, "kind") == "Component"
    # Patches reach what this kustomization holds; a component's reach all that came before.
    before = [] if is_component else walk.objects
    if not is_component:
        walk.objects = []
    for name in (*(at(body, "resources") or ()), *(at(body, "components") or ())):
        if (folder / name).is_dir():
            _build(walk, folder / name)
        elif "://" not in name:
            made = yaml.load((folder / name).read_text(), Loader=yaml.CSafeLoader)
            walk.objects.append(Found(made, {str(at(made, "metadata", "name"))}))
    for generator in items(body, "configMapGenerator"):
        made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": generator}
        walk.objects.append(Found(made, {str(generator.get("name"))}))
    for index, patch in enumerate(items(body, "patches")):
        _patch(walk, folder, index, patch, is_optional=is_component)
    walk.objects = before + walk.objects


def _patch(
    walk: Walk, folder: Path, index: int, patch: Mapping[str, Any], *, is_optional: bool
) -> None:
    selector = patch.get("target")
    # kustomize itself refuses one without a target whose object is not there.
    if not isinstance(selector, dict):
        return
    selected = [found for found in walk.objects if _matches(selector, found)]
    if not selected:
        walk.idle.append(Idle(_fault(walk.root, folder, index, selector), selector, is_optional))
    for change in _changes(folder, patch):
        if at(change, "$patch") == DELETE:
            walk.objects = [found for found in walk.objects if found not in selected]
        elif at(patch, "options", "allowNameChange"):
            for found in selected:
                found.names.update(_new_names(change))


def _new_names(change: Any) -> list[str]:
    """Return what a patch calls its object: a merge patch's own name, or a JSON patch's value."""
    if isinstance(change, list):
        return [
            str(operation.get("value"))
            for operation in change
            if operation.get("path") == "/metadata/name"
        ]
    name = at(change, "metadata", "name")
    return [] if name is None else [str(name)]


def _fault(root: Path, folder: Path, index: int, selector: Mapping[str, Any]) -> Fault:
    file = folder.resolve() / KUSTOMIZATION
    place = str(file.relative_to(root.resolve()))
    text = value_text(selector)
    rule = f"must match an object ({KUSTOMIZE})"
    return Fault(place, _line(file, index), "file", f"patches[{index}].target", text, rule)


def _changes(folder: Path, patch: Mapping[str, Any]) -> Iterator[Any]:
    text = (folder / patch["path"]).read_text() if "path" in patch else str(patch.get("patch"))
    yield from yaml.load_all(text, Loader=yaml.CSafeLoader)


def _matches(selector: Mapping[str, Any], found: Found) -> bool:
    group, _, version = str(found.body.get("apiVersion")).rpartition("/")
    values = {"group": group, "version": version, "kind": str(found.body.get("kind"))}
    if not all(_is_like(selector.get(key), value) for key, value in values.items()):
        return False
    # The namespace that a kustomization adds is not known here.
    is_named = any(_is_like(selector.get("name"), name) for name in found.names)
    return is_named and all(
        _has(mapping(found.body, "metadata", field), str(selector.get(wanted) or ""))
        for field, wanted in (("labels", "labelSelector"), ("annotations", "annotationSelector"))
    )


def _is_like(pattern: Any, value: str) -> bool:
    return not pattern or re.fullmatch(str(pattern), value) is not None


def _has(labels: Mapping[str, Any], selector: str) -> bool:
    """Whether labels fulfil the equalities of a selector; others are taken as fulfilled."""
    pairs = re.findall(r"(?:^|,)\s*([\w./-]+)\s*==?\s*([\w.-]*)", selector)
    return all(str(labels.get(key)) == value for key, value in pairs)


def _line(file: Path, index: int) -> int:
    """Return the line of a patch's target in its kustomization."""
    node = yaml.compose(file.read_text(), Loader=yaml.CSafeLoader)
    assert isinstance(node, yaml.MappingNode)
    [patches] = [value for name, value in node.value if name.value == "patches"]
    [line] = [
        name.start_mark.line + 1 for name, _ in patches.value[index].value if name.value == "target"
    ]
    assert isinstance(line, int)
    return line
