"""Hosts that one file serves and another does not know."""

from pathlib import Path
from typing import Any

import pytest

from manifests.lint.faults import Path as FieldPath
from manifests.lint.target import Target
from tests.manifests.lint.planting import GONE, lines, plant

TARGET = "components/external-gateway"
GATEWAY = f"{TARGET}/gateway.yaml: Gateway/r1-external: "
PLAIN = f"{TARGET}/gateway-plain.yaml: Gateway/r1-external-plain: "
ROUTES = f"{TARGET}/virtualservice.yaml: VirtualService/r1-external: "
RULE: FieldPath = ("spec", "rules", 0)
OPERATION: FieldPath = (*RULE, "to", 0, "operation")
SERVER: FieldPath = ("spec", "servers", 0)


def unguarded(host: str) -> str:
    name = host.removeprefix("./")
    return (
        f'{GATEWAY}spec.servers[0].hosts[0] = "{host}": must have a DENY in istio-system from '
        f"notRequestPrincipals * alone, to hosts {name} and {name}:*, when connection.sni is "
        f"{name} (ours)"
    )


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param({(*OPERATION, "hosts", 0): "r2.example.com"}, id="another-host"),
        pytest.param({(*OPERATION, "hosts", 1): GONE}, id="not-with-a-port"),
        pytest.param({(*RULE, "when", 0, "values", 0): "r2.example.com"}, id="another-sni"),
        pytest.param({(*RULE, "when"): GONE}, id="no-sni"),
        pytest.param(
            {(*RULE, "when", 1): {"key": "source.ip", "values": ["10.0.0.1"]}}, id="and-more"
        ),
        pytest.param({(*OPERATION, "notPorts"): ["443"]}, id="but-for-a-port"),
        pytest.param(
            {(*RULE, "from", 0, "source", "notNamespaces"): ["r1"]}, id="but-for-a-namespace"
        ),
        pytest.param({("spec", "action"): "ALLOW"}, id="an-allow"),
        pytest.param(
            {("spec", "selector", "matchLabels"): {"app": "ingressgateway"}}, id="another-pod"
        ),
    ],
)
def test_a_host_without_its_deny_is_found(
    targets: dict[str, Target], crd_dir: Path, edits: dict[FieldPath, Any]
) -> None:
    planted = plant(targets[TARGET], "AuthorizationPolicy/r1-external", edits)
    assert unguarded("./r1.example.com") in lines(planted, crd_dir)


CASES = [
    pytest.param(
        "Gateway/r1-external",
        {(*SERVER, "hosts", 0): "./r2.example.com"},
        [
            f'{PLAIN}spec.servers[0].hosts[0] = "r1.example.com": must be the host of a server '
            "with TLS, to redirect to (ours)",
            unguarded("./r2.example.com"),
            f'{ROUTES}spec.hosts[0] = "r1.example.com": must be a host of its Gateways (Istio)',
        ],
        id="the-gateway-alone",
    ),
    pytest.param(
        "VirtualService/r1-external",
        {("spec", "hosts", 0): "r2.example.com"},
        [f'{ROUTES}spec.hosts[0] = "r2.example.com": must be a host of its Gateways (Istio)'],
        id="the-routes-alone",
    ),
    pytest.param(
        "Gateway/r1-external-plain",
        {(*SERVER, "tls"): GONE},
        [f"{PLAIN}spec.servers[0].tls = missing: must have httpsRedirect: true (ours)"],
        id="a-plain-server-that-does-not-redirect",
    ),
    pytest.param(
        "Gateway/r1-external-plain",
        {(*SERVER, "hosts", 0): "./r1.example.com"},
        [
            f'{PLAIN}spec.servers[0].hosts[0] = "./r1.example.com": must have no namespace: '
            "without routes it would not redirect (Istio)"
        ],
        id="a-redirect-with-a-namespace",
    ),
    pytest.param(
        "VirtualService/r1-external",
        {("spec", "gateways", 1): "r1-external-plain"},
        [
            f'{ROUTES}spec.gateways[1] = "r1-external-plain": must name no Gateway with '
            "httpsRedirect, which X-Forwarded-Proto may skip (ours)"
        ],
        id="routes-behind-a-redirect",
    ),
]


@pytest.mark.parametrize(("subject", "edits", "found"), CASES)
def test_a_host_that_one_file_does_not_know_is_found(
    targets: dict[str, Target],
    crd_dir: Path,
    subject: str,
    edits: dict[FieldPath, Any],
    found: list[str],
) -> None:
    assert lines(plant(targets[TARGET], subject, edits), crd_dir) == found
