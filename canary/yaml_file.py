"""YAML as Kubernetes reads it, with the line of every key; bounded in size and depth."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from canary.errors import InputError

_MAX_DEPTH: Final = 40
_MAX_DOCUMENTS: Final = 100
# YAML 1.2's numbers and 1.1's yes and no, as kubectl has them: no dates, no base 60.
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
_INT: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*|0o?[0-7]+|0x[0-9a-fA-F]+)$")


class _Loader(yaml.SafeLoader):
    """Resolves plain scalars as above; its nodes are turned to values by _value alone."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, known) for tag, known in pairs if tag.endswith((":bool", ":null", ":merge"))]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One document's value, and the line (from 1) of each place in it."""

    path: Path
    value: Any
    lines: dict[Place, int]

    def get(self, *place: str | int) -> Any:
        """Return what stands there, or None."""
        value = self.value
        for part in place:
            if isinstance(value, dict):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    def line_of(self, *place: str | int) -> str:
        """Return ``file:line`` of the place, or of the nearest around it."""
        while place not in self.lines:
            place = place[:-1]
        return f"{self.path}:{self.lines[place]}"

    def where(self, *place: str | int) -> str:
        """Return ``file:line: place``."""
        # Keys are the user's: a long one is no name.
        name = ".".join(str(part)[:60] for part in place)
        return f"{self.line_of(*place)}: {name or 'document'}"


def read_documents(path: Path, *, max_bytes: int) -> list[Document]:
    """Return the documents that are not empty; raises InputError.

    Aliases, tags, merge keys, keys given twice and what JSON cannot hold are refused.
    """
    text = _read(path, max_bytes)
    try:
        _check_events(path, text)
        nodes = [node for node in yaml.compose_all(text, Loader=_Loader) if node is not None]
    except yaml.MarkedYAMLError as error:
        at = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(f"{path}{at}: {error.problem}, must be YAML") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: {str(error).splitlines()[0]}, must be YAML") from None
    return [_document(path, node) for node in nodes if not _is_empty(node)]


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        # Anything else may have no end, or be readable once.
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is no regular file, must be one")
        with path.open("rb") as file:
            text = file.read(max_bytes + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}, must be a readable file") from None
    if len(text) > max_bytes:
        raise InputError(f"{path} is larger than {max_bytes} bytes, must be at most that")
    return text


def _check_events(path: Path, text: bytes) -> None:
    """Refuse what can grow beyond the file, or is deeper than any manifest."""
    depth = num_documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        assert event.start_mark is not None, "PyYAML marks what it reads from a text"
        where = f"{path}:{event.start_mark.line + 1}"
        num_documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH or num_documents > _MAX_DOCUMENTS:
            raise InputError(
                f"{where}: too much, must be at most {_MAX_DEPTH} levels in at most "
                f"{_MAX_DOCUMENTS} documents"
            )
        if isinstance(event, yaml.AliasEvent):
            raise InputError(f"{where}: an alias is given, must be what it stands for")
        if getattr(event, "tag", None) is not None:
            raise InputError(f"{where}: a tag is given, must be left out")


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")


def _document(path: Path, node: yaml.Node) -> Document:
    if not isinstance(node, yaml.MappingNode):
        line = node.start_mark.line + 1
        raise InputError(f"{path}:{line}: a document is no mapping, must be one such as 'a: 1'")
    document = Document(path, {}, {(): node.start_mark.line + 1})
    for place, value in _walk(document, (), node):
        if not place[1:]:
            document.value[place[0]] = value
    return document


def _walk(document: Document, place: Place, node: yaml.MappingNode) -> Iterator[tuple[Place, Any]]:
    seen = set()
    for key, value in node.value:
        where = f"{document.path}:{key.start_mark.line + 1}"
        if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith(":str"):
            raise InputError(f"{where}: a key is no text, must be text or in quotes")
        if key.value in seen:
            raise InputError(f"{where}: {key.value[:60]} is given twice, must be given once")
        seen.add(key.value)
        inner = (*place, key.value)
        document.lines[inner] = key.start_mark.line + 1
        yield inner, _value(document, inner, value)


def _value(document: Document, place: Place, node: yaml.Node) -> Any:
    match node:
        case yaml.MappingNode():
            return {inner[-1]: value for inner, value in _walk(document, place, node)}
        case yaml.SequenceNode():
            return [_item(document, (*place, i), item) for i, item in enumerate(node.value)]
        case _:
            return _scalar(document, place, node)


def _item(document: Document, place: Place, node: yaml.Node) -> Any:
    document.lines[place] = node.start_mark.line + 1
    return _value(document, place, node)


def _scalar(document: Document, place: Place, node: yaml.Node) -> Any:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    match kind:
        case "null":
            return None
        case "bool":
            return node.value.lower() in ("true", "yes", "on")
        case "int" if len(node.value) <= 20:
            # A leading zero is YAML 1.1's octal, as file modes are written.
            is_octal = re.fullmatch(r"[-+]?0[0-7]+", node.value)
            return int(node.value, 8) if is_octal else int(node.value, 0)
        case "float" if math.isfinite(float(node.value)):
            return float(node.value)
        case "str":
            return node.value
        case _:
            raise InputError(
                f"{document.where(*place)} is no value that JSON can hold, must be one"
            )
