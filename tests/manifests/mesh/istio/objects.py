"""Rendered objects as istiod reads them: which holds for which workload, no field passed over."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

ROOT_NAMESPACE = "istio-system"


class Untranslated(Exception):
    """An object says something that Envoy would not be told of."""


@dataclass(frozen=True)
class Workload:
    """A pod; ``ports`` has the listener's real port for each port that the objects name."""

    namespace: str
    labels: Mapping[str, str]
    ports: Mapping[int, int]


def read(body: Mapping[str, Any], *names: str) -> list[Any]:
    """Return the fields' values, None for a missing one; any other field is Untranslated."""
    if unknown := body.keys() - set(names):
        raise Untranslated(f"{sorted(unknown)} of {dict(body)}")
    return [body.get(name) for name in names]


def one_of(body: Mapping[str, Any], *names: str) -> tuple[str, Any]:
    """Return the only field, for what is a choice."""
    read(body, *names)
    ((name, value),) = body.items()
    return name, value


def identity(document: Json) -> str:
    metadata = document["metadata"]
    return f"{document['kind']} {metadata['namespace']}/{metadata['name']}"


def of_kind(documents: Iterable[Json], kind: str) -> list[Json]:
    return [document for document in documents if document["kind"] == kind]


def selected(documents: Iterable[Json], kind: str, workload: Workload) -> list[Json]:
    """Return what a selector applies to the workload; the root namespace speaks for all."""
    return [
        document
        for document in of_kind(documents, kind)
        if document["metadata"]["namespace"] in (workload.namespace, ROOT_NAMESPACE)
        and _labels(document["spec"]).items() <= workload.labels.items()
    ]


def is_workload_wide(document: Json) -> bool:
    return not _labels(document["spec"])


def _labels(spec: Json) -> dict[str, str]:
    selector = spec.get("selector") or spec.get("workloadSelector") or {}
    match_labels, labels = read(selector, "matchLabels", "labels")
    return match_labels or labels or {}
