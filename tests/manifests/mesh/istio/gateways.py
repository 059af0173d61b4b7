"""A server of a Gateway as the transport and the redirects of an Envoy listener."""

from dataclasses import dataclass

from tests.manifests.mesh.istio.objects import Json, Untranslated, read

VERSIONS = {None: "TLSv1_2", "TLSV1_2": "TLSv1_2", "TLSV1_3": "TLSv1_3"}


@dataclass(frozen=True)
class Server:
    """``mode`` is None for plain text; ``server_names`` are what a client must ask TLS for.

    ``hosts`` are as they are written, with the namespaces that may route them.
    """

    mode: str | None
    hosts: tuple[str, ...]
    server_names: tuple[str, ...]
    min_version: str
    is_redirect: bool


def server(gateway: Json, port: int) -> Server:
    selector, servers = read(gateway["spec"], "selector", "servers")
    if selector != {"istio": "ingressgateway"}:
        raise Untranslated(f"selector {selector}")
    (found,) = [each for each in servers if each["port"]["number"] == port]
    where, hosts, tls = read(found, "port", "hosts", "tls")
    _, _, protocol = read(where, "number", "name", "protocol")
    mode, version, credential, is_redirect = read(
        tls or {}, "mode", "minProtocolVersion", "credentialName", "httpsRedirect"
    )
    if (mode == "SIMPLE") != bool(credential) or (protocol == "HTTPS") != bool(mode):
        raise Untranslated(f"server {found}")
    names = tuple(host.rpartition("/")[2] for host in hosts)
    return Server(
        mode, tuple(hosts), () if names == ("*",) else names, VERSIONS[version], bool(is_redirect)
    )
