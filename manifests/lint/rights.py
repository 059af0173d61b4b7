"""Roles: a misspelt word in one grants nothing, and no error says so."""

import re
from collections.abc import Iterator
from typing import Final

from manifests.lint.faults import Finding, Path, at, items
from manifests.lint.render import Document
from manifests.lint.target import Target
from manifests.lint.values import listed

KUBERNETES: Final = "Kubernetes"
VERBS: Final = (
    *("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"),
    *("bind", "escalate", "impersonate", "use", "approve", "sign"),
)
PLURAL: Final = re.compile(r"[a-z0-9]+s(/[a-z]+)?")
# Of the groups whose kinds are used here; another group's resources are held to PLURAL alone.
RESOURCES: Final = {
    "": (
        *("configmaps", "endpoints", "events", "namespaces", "nodes", "pods", "secrets"),
        *("persistentvolumeclaims", "persistentvolumes", "serviceaccounts", "services"),
        *("replicationcontrollers", "limitranges", "resourcequotas"),
    ),
    "apps": ("daemonsets", "deployments", "replicasets", "statefulsets"),
    "autoscaling": ("horizontalpodautoscalers",),
    "batch": ("cronjobs", "jobs"),
    "coordination.k8s.io": ("leases",),
    "events.k8s.io": ("events",),
    "networking.k8s.io": ("ingresses", "networkpolicies"),
    "serving.knative.dev": ("configurations", "domainmappings", "revisions", "routes", "services"),
    "serving.kserve.io": (
        *("clusterservingruntimes", "clusterstoragecontainers", "inferencegraphs"),
        *("inferenceservices", "llminferenceservices", "servingruntimes", "trainedmodels"),
    ),
}


def check(target: Target) -> Iterator[Finding]:
    """Yield rights to everything, and words that name nothing."""
    for document in target.documents:
        if document.kind in ("Role", "ClusterRole"):
            yield from _role(document)


def _role(document: Document) -> Iterator[Finding]:
    for index, rule in enumerate(items(document.body, "rules")):
        path: Path = ("rules", index)
        for field in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
            for place, word in enumerate(rule.get(field) or ()):
                if "*" in word:
                    text = "must name what is needed, without * (ours)"
                    yield Finding(document, (*path, field, place), text)
        for place, verb in enumerate(rule.get("verbs") or ()):
            if verb not in VERBS and verb != "*":
                text = f"must be one of {listed(VERBS)} ({KUBERNETES})"
                yield Finding(document, (*path, "verbs", place), text)
        yield from _resources(document, path)


def _resources(document: Document, path: Path) -> Iterator[Finding]:
    groups = at(document.body, *path, "apiGroups") or []
    known = {name for group in groups for name in RESOURCES.get(group, ())}
    is_known = bool(groups) and all(group in RESOURCES for group in groups)
    for index, word in enumerate(at(document.body, *path, "resources") or ()):
        place = (*path, "resources", index)
        if "*" in word:
            continue
        if not PLURAL.fullmatch(word):
            text = f"must be a plural in lower case ({KUBERNETES})"
            yield Finding(document, place, text)
        elif is_known and word.partition("/")[0] not in known:
            text = f"must be one of {listed(sorted(known))} ({KUBERNETES})"
            yield Finding(document, place, text)
