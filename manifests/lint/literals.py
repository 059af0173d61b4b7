"""Secrets written out where everybody who may read an object reads them."""

import re
from collections.abc import Iterator
from typing import Final

from manifests.lint.faults import Finding, items, mapping
from manifests.lint.target import Target

OURS: Final = "ours"
# Hugging Face, AWS, OpenAI and its likes, GitHub, a JWT, PEM.
SHAPE: Final = re.compile(
    r"\bhf_[A-Za-z0-9]{8,}|\bAKIA[A-Z0-9]{8,}|\bsk-[A-Za-z0-9_-]{8,}|\bgh[pousr]_[A-Za-z0-9]{8,}"
    r"|\beyJ[\w-]+\.[\w-]+\.|-----BEGIN [A-Z ]*PRIVATE KEY"
)
NAME: Final = re.compile(r"(TOKEN|PASSWORD|SECRET|KEY)$", re.I)
# A path or an address says where a secret is, not what it is.
PLACE: Final = re.compile(r"/\S*|\w+://[^@\s]*|")
HIDDEN: Final = '"..."'


def check(target: Target) -> Iterator[Finding]:
    """Yield secrets in the environments of pods and in ConfigMaps, without repeating them."""
    for pod in target.pods():
        for path, container in pod.containers():
            for index, entry in enumerate(items(container, "env")):
                name, value = str(entry.get("name")), str(entry.get("value", ""))
                is_named = NAME.search(name) is not None and not PLACE.fullmatch(value)
                if is_named or SHAPE.search(value):
                    rule = f"must come from a Secret, by valueFrom ({OURS})"
                    yield Finding(pod.document, (*path, "env", index, "value"), rule, HIDDEN)
    for document in target.documents:
        if document.kind == "ConfigMap":
            for key, text in mapping(document.body, "data").items():
                if SHAPE.search(str(text)):
                    rule = f"must hold no secret ({OURS})"
                    yield Finding(document, ("data", key), rule, HIDDEN)
