"""Labels that a namespace needs for what is in it."""

from collections.abc import Iterator
from typing import Final

from manifests.lint.faults import Finding, at
from manifests.lint.render import Document
from manifests.lint.target import Target

OURS: Final = "ours"
LABELS: Final = ("metadata", "labels")
INJECTION: Final = "istio-injection"
ENFORCE: Final = "pod-security.kubernetes.io/enforce"
# Ours; the others belong to whoever installs what is in them.
NAMESPACE: Final = "r1"


def check(target: Target) -> Iterator[Finding]:
    """Yield namespaces whose pods would lack a sidecar, or be let in as they are."""
    strict = {document.namespace for document in target.documents if _is_strict(document)}
    for document in target.documents:
        if document.kind != "Namespace":
            continue
        if document.name in strict and at(document.body, *LABELS, INJECTION) != "enabled":
            # Without a sidecar nothing there asks for mTLS, nor answers it.
            rule = f'must be "enabled" where a PeerAuthentication is STRICT ({OURS})'
            yield Finding(document, (*LABELS, INJECTION), rule)
        if document.name == NAMESPACE and at(document.body, *LABELS, ENFORCE) != "restricted":
            yield Finding(document, (*LABELS, ENFORCE), f'must be "restricted" ({OURS})')


def _is_strict(document: Document) -> bool:
    is_of_all = document.kind == "PeerAuthentication" and not at(document.body, "spec", "selector")
    return is_of_all and at(document.body, "spec", "mtls", "mode") == "STRICT"
