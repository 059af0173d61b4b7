"""Files as they are written, before kustomize reads them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

from manifests.lint.faults import Fault, at, items, value_text
from manifests.lint.render import KUSTOMIZATION

OURS: Final = "ours"
NO_YAML: Final = "must be YAML"
TWICE: Final = "is there twice"
# The lint itself, and what configures no cluster.
OUTSIDE: Final = ("lint", "single-host")
PRIVATE_KEY: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
LISTS: Final = ("resources", "components", "crds", "configurations", "generators", "transformers")


def check(root: Path) -> list[Fault]:
    """Return what is wrong with the files below ``root``, in no order."""
    files = [file for file in sorted(root.rglob("*")) if file.is_file() and _is_ours(file, root)]
    faults: list[Fault] = []
    used: set[Path] = set()
    is_all_read = True
    for file in files:
        faults.extend(_text(file, root))
        if file.suffix in (".yaml", ".yml"):
            faults.extend(_yaml(file, root))
        if file.name == KUSTOMIZATION:
            if any(_yaml(file, root)):
                is_all_read = False
                continue
            named = dict(_named(file))
            used.update((file.parent / name).resolve() for name in named)
            faults.extend(_absent(file, root, named))
    if is_all_read:
        faults.extend(_dead(files, root, used))
    return faults


def is_unreadable(fault: Fault) -> bool:
    """Whether kustomize will refuse the file too, and whatever is made of it."""
    return fault.rule.startswith((NO_YAML, TWICE))


def _is_ours(file: Path, root: Path) -> bool:
    parts = file.relative_to(root).parts
    return parts[0] not in OUTSIDE and "__pycache__" not in parts


def _fault(file: Path, root: Path, line: int, field: str, value: str, rule: str) -> Fault:
    return Fault(str(file.relative_to(root)), line, "file", field, value, f"{rule} ({OURS})")


def _text(file: Path, root: Path) -> Iterator[Fault]:
    for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1):
        if PRIVATE_KEY.search(line):
            yield _fault(file, root, number, "text", '"PRIVATE KEY"', "must hold no secret")
        if "\t" in line and file.suffix in (".yaml", ".yml"):
            yield _fault(file, root, number, "text", '"\\t"', "must indent by two spaces, not tabs")


def _yaml(file: Path, root: Path) -> Iterator[Fault]:
    try:
        nodes = list(yaml.compose_all(file.read_text(), Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        yield _fault(file, root, line, "text", f'"{error.problem}"', NO_YAML)
        return
    if len(nodes) != 1:
        line = nodes[1].start_mark.line + 1 if nodes else 1
        yield _fault(file, root, line, "documents", str(len(nodes)), "must be one object a file")
    for node in nodes:
        yield from _duplicates(node, file, root)
        for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
            if name.value == "kind" and value.value == "Secret":
                line = value.start_mark.line + 1
                yield _fault(file, root, line, "kind", '"Secret"', "must hold no secret")


def _duplicates(node: yaml.Node, file: Path, root: Path) -> Iterator[Fault]:
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _duplicates(each, file, root)
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for name, value in node.value:
            # A key that is no word is its own node, and so never there twice.
            key = name.value if isinstance(name, yaml.ScalarNode) else name
            if key in seen:
                line = name.start_mark.line + 1
                is_word = isinstance(value, yaml.ScalarNode)
                text = value_text(value.value) if is_word else "..."
                yield _fault(file, root, line, key, text, TWICE)
            seen.add(key)
            yield from _duplicates(value, file, root)


def _named(file: Path) -> Iterator[tuple[str, int]]:
    """Yield each file or folder that a kustomization names, with its line."""
    text = file.read_text()
    body = yaml.load(text, Loader=yaml.CSafeLoader)
    names = [name for field in LISTS for name in at(body, field) or ()]
    names += [entry["path"] for entry in items(body, "patches") if "path" in entry]
    for generator in (*items(body, "configMapGenerator"), *items(body, "secretGenerator")):
        # A file may be named key=path.
        names += [str(name).rpartition("=")[2] for name in generator.get("files", ())]
        names += generator.get("envs", ())
    for name in names:
        lines = text.splitlines()
        found = [number for number, line in enumerate(lines, 1) if line.rstrip().endswith(name)]
        yield name, found[0] if found else 1


def _absent(file: Path, root: Path, named: dict[str, int]) -> Iterator[Fault]:
    for name, line in named.items():
        place = file.parent / name
        if not place.is_file() and not (place / KUSTOMIZATION).is_file() and "://" not in name:
            rule = "must be a file, or a folder with a kustomization.yaml"
            yield _fault(file, root, line, "path", value_text(name), rule)


def _dead(files: list[Path], root: Path, used: set[Path]) -> Iterator[Fault]:
    """Yield files that no kustomization uses and no README nor kustomization mentions."""
    for file in files:
        if file.name in (KUSTOMIZATION, "README.md", "Dockerfile") or file.resolve() in used:
            continue
        folder = file.parent
        guides = [folder / "README.md", folder / KUSTOMIZATION, folder.parent / "README.md"]
        guides.append(root / "README.md")
        if not any(_mentions(guide, file.name) for guide in guides):
            rule = f"must be used by a {KUSTOMIZATION}, or named by a README.md"
            yield _fault(file, root, 1, "path", value_text(file.name), rule)


def _mentions(guide: Path, name: str) -> bool:
    return guide.is_file() and name in guide.read_text()
