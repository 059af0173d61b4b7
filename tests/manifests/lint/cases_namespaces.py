"""Namespaces whose labels do not fit what is in them."""

import pytest

from tests.manifests.lint.planting import GONE

CASES = [
    pytest.param(
        "components/mesh",
        "Namespace/r1",
        {("metadata", "labels", "istio-injection"): GONE},
        (
            "base/volume/namespace.yaml: Namespace/r1: metadata.labels.istio-injection = "
            'missing: must be "enabled" where a PeerAuthentication is STRICT (ours)'
        ),
        id="strict-without-sidecars",
    ),
    pytest.param(
        "base",
        "Namespace/r1",
        {("metadata", "labels", "pod-security.kubernetes.io/enforce"): "baseline"},
        (
            "base/volume/namespace.yaml: Namespace/r1: "
            'metadata.labels["pod-security.kubernetes.io/enforce"] = "baseline": must be '
            '"restricted" (ours)'
        ),
        id="pods-that-are-not-restricted",
    ),
]
