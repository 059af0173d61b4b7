"""The gateway outside is shared: by other tenants' hosts, and by a proxy before it."""

from collections.abc import Iterator

import pytest

from tests.manifests.mesh import envoy
from tests.manifests.mesh.callers import Answer, Caller, ask
from tests.manifests.mesh.conftest import Doors, doors, objects, opened
from tests.manifests.mesh.topology import (
    DOORS,
    LOCAL_GATEWAY,
    TENANT,
    Mesh,
    Trust,
    echo,
)
from tests.manifests.ports import free_ports

HOST = "r1.example.com"
FORWARDED = ("x-forwarded-proto", "https")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, trust: Trust) -> Iterator[Doors]:
    """That gateway alone, with a tenant whose TLS passes through and behind a trusted proxy."""
    admin, app, tenant, *rest = free_ports(3 + len(DOORS))
    mesh = Mesh(
        "shared",
        objects(),
        trust,
        app,
        doors(iter(rest)),
        instead={LOCAL_GATEWAY: app},
        num_trusted_proxies=1,
        tenant=tenant,
    )
    own_tls = envoy.downstream_tls(trust.mesh.host(TENANT), None, "TLSv1_2")
    more = [echo(app), echo(tenant, transport=own_tls)]
    with opened(tmp_path_factory.mktemp("shared"), trust, {"shared": mesh}, more, admin) as running:
        yield running


def asked(shared: Doors, name: str, *headers: tuple[str, str]) -> Answer:
    port = shared.meshes["shared"].doors["outside"]
    return ask(port, Caller(server_name=name), "GET", "/v2", [("host", name), *headers])


def test_another_tenants_tls_passes_through(shared: Doors) -> None:
    assert asked(shared, TENANT).status == 200


@pytest.mark.parametrize("name", [HOST, HOST.upper(), "R1.Example.Com"])
def test_our_host_needs_a_token_however_it_is_spelled(shared: Doors, name: str) -> None:
    assert asked(shared, name).status == 403
    assert asked(shared, name, *shared.authorization("right", name)).status == 200


def test_plain_http_behind_a_trusted_proxy_leads_nowhere(shared: Doors) -> None:
    port = shared.meshes["shared"].doors["plain"]
    headers = [("host", HOST), FORWARDED, *shared.authorization("right", "plain")]
    assert ask(port, Caller(is_plain=True), "GET", "/v2", headers).status == 404
