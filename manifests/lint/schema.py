"""Objects against the schemas of their kinds, closed: an unknown field is an error.

A CRD's CEL rules (x-kubernetes-validations) are left to an API server, to which ``tests/manifests``
applies the same objects.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import yaml

from manifests.lint.closed import close, object_schema
from manifests.lint.faults import Finding
from manifests.lint.faults import Path as FieldPath
from manifests.lint.render import Document
from manifests.lint.values import listed

KUBERNETES: Final = "1.37"
# Data of the package kubernetes-validate; its own validator stops at the first departure.
SCHEMAS: Final = resources.files("kubernetes_validate").joinpath(
    "kubernetes-json-schema", f"v{KUBERNETES}.0-local-strict"
)

Validator = jsonschema_rs.Draft4Validator | jsonschema_rs.Draft202012Validator


@dataclass(frozen=True, slots=True)
class Schema:
    """A kind's schema and where it is from."""

    validator: Validator
    source: str


def schema_of(document: Document, crd_dir: Path | None) -> Schema | None:
    """Return the schema of an object's kind, None where there is none here."""
    if _is_built_in(document):
        name = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", document.api_version)
        return _built_in(f"{document.kind.lower()}-{name}.json")
    return _of_crds(crd_dir, document.api_version, document.kind) if crd_dir else None


def check(document: Document, crd_dir: Path | None) -> Iterator[Finding]:
    """Yield each departure from the schema of the object's kind, if it is here."""
    schema = schema_of(document, crd_dir)
    if schema is not None:
        yield from _departures(document, schema)
    elif crd_dir is not None or _is_built_in(document):
        where = f"Kubernetes {KUBERNETES}" if _is_built_in(document) else "CRDs"
        yield Finding(document, ("apiVersion",), f"has no kind {document.kind} ({where})")


def _is_built_in(document: Document) -> bool:
    return document.group.endswith(".k8s.io") or "." not in document.group


def _departures(document: Document, schema: Schema) -> Iterator[Finding]:
    for error in schema.validator.iter_errors(document.body):
        path: FieldPath = tuple(error.instance_path)
        says = error.kind.as_dict()
        if error.kind.name == "additionalProperties":
            for name in says["unexpected"]:
                yield Finding(document, (*path, name), f"unknown field ({schema.source})")
        elif error.kind.name == "required":
            yield Finding(document, (*path, says["property"]), f"must be there ({schema.source})")
        else:
            yield Finding(document, path, f"{_allowed(error)} ({schema.source})")


def _allowed(error: jsonschema_rs.ValidationError) -> str:
    says = ALLOWED.get(error.kind.name)
    return says(error.kind.as_dict()) if says else f"must fit {error.kind.name} of its schema"


ALLOWED: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "enum": lambda kind: f"must be one of {listed(kind['options'])}",
    "type": lambda kind: f"must be of type {' or '.join(sorted(kind['types']))}",
    "pattern": lambda kind: f"must match {kind['pattern']}",
    "minimum": lambda kind: f"must be at least {kind['limit']}",
    "maximum": lambda kind: f"must be at most {kind['limit']}",
    "minLength": lambda kind: f"must have at least {kind['limit']} characters",
    "maxLength": lambda kind: f"must have at most {kind['limit']} characters",
    "minItems": lambda kind: f"must have at least {kind['limit']} items",
    "maxItems": lambda kind: f"must have at most {kind['limit']} items",
    "format": lambda kind: f"must be a {kind['format']}",
    "oneOf": lambda kind: "must be exactly one of the forms that its schema gives",
    "anyOf": lambda kind: "must be one of the forms that its schema gives",
}


@cache
def _built_in(file: str) -> Schema | None:
    if not SCHEMAS.joinpath(file).is_file():
        return None
    schema = json.loads(SCHEMAS.joinpath(file).read_text())
    validator = jsonschema_rs.Draft202012Validator(schema, registry=_registry())
    return Schema(validator, f"Kubernetes {KUBERNETES}")


@cache
def _registry() -> jsonschema_rs.Registry:
    definitions = json.loads(SCHEMAS.joinpath("_definitions.json").read_text())
    return jsonschema_rs.Registry([(definitions["$id"], definitions)])


@cache
def _of_crds(folder: Path, api_version: str, kind: str) -> Schema | None:
    group, _, name = api_version.rpartition("/")
    for file in _files(folder):
        # KServe's alone takes a second to read: only those that may hold the kind.
        if not re.search(rf'kind"?: "?{kind}\b', file.read_text()):
            continue
        for spec in _specs(file):
            for version in spec["versions"]:
                if (spec["group"], spec["names"]["kind"], version["name"]) == (group, kind, name):
                    closed = close(version["schema"]["openAPIV3Schema"])
                    closed = object_schema(closed, api_version, kind)
                    validator = jsonschema_rs.Draft4Validator(closed, validate_formats=True)
                    return Schema(validator, f"CRD of {group}")
    return None


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix in (".yaml", ".yml", ".json"))


@cache
def _specs(file: Path) -> list[dict[str, Any]]:
    """Return the specs of the CRDs in a file; `kubectl get crd -o yaml` prints them as a List."""
    found = []
    for body in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader):
        for crd in body.get("items", [body]) if isinstance(body, dict) else ():
            if crd.get("kind") == "CustomResourceDefinition":
                found.append(crd["spec"])
    return found
