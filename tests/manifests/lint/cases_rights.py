"""Roles that grant too much, or nothing."""

import pytest

CASES = [
    pytest.param(
        "components/canary-rbac",
        "Role/r1-canary",
        {("rules", 0, "verbs", 0): "*"},
        (
            'components/canary-rbac/role.yaml: Role/r1-canary: rules[0].verbs[0] = "*": must name '
            "what is needed, without * (ours)"
        ),
        id="every-verb",
    ),
    pytest.param(
        "components/canary-rbac",
        "Role/r1-canary",
        {("rules", 0, "resources", 0): "*"},
        (
            'components/canary-rbac/role.yaml: Role/r1-canary: rules[0].resources[0] = "*": must '
            "name what is needed, without * (ours)"
        ),
        id="every-resource",
    ),
    pytest.param(
        "components/canary-rbac",
        "Role/r1-canary",
        {("rules", 0, "apiGroups", 0): "*"},
        (
            'components/canary-rbac/role.yaml: Role/r1-canary: rules[0].apiGroups[0] = "*": must '
            "name what is needed, without * (ours)"
        ),
        id="every-group",
    ),
    pytest.param(
        "components/canary-rbac",
        "Role/r1-canary",
        {("rules", 0, "verbs", 0): "read"},
        (
            'components/canary-rbac/role.yaml: Role/r1-canary: rules[0].verbs[0] = "read": must be '
            "one of get, list, watch, create, update, patch, delete, deletecollection, bind, "
            "escalate, impersonate, use, approve, sign (Kubernetes)"
        ),
        id="no-such-verb",
    ),
    pytest.param(
        "components/canary-rbac",
        "Role/r1-canary",
        {("rules", 0, "resources", 0): "InferenceService"},
        (
            "components/canary-rbac/role.yaml: Role/r1-canary: rules[0].resources[0] = "
            '"InferenceService": must be a plural in lower case (Kubernetes)'
        ),
        id="a-kind-for-a-resource",
    ),
    pytest.param(
        "components/canary-rbac",
        "Role/r1-canary",
        {("rules", 0, "resources", 0): "inferenceservers"},
        (
            "components/canary-rbac/role.yaml: Role/r1-canary: rules[0].resources[0] = "
            '"inferenceservers": must be one of clusterservingruntimes, '
            "clusterstoragecontainers, inferencegraphs, inferenceservices, "
            "llminferenceservices, servingruntimes, trainedmodels (Kubernetes)"
        ),
        id="no-such-resource",
    ),
]
