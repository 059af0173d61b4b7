"""Which client carries a protocol."""

from loadtest.config import RunConfig
from loadtest.net.client import Client
from loadtest.net.endpoint import Endpoint
from loadtest.net.grpc_client import GrpcClient
from loadtest.net.http_client import HttpClient
from loadtest.net.reactor import Reactor
from loadtest.net.tls import make_tls
from loadtest.wire.part import Wire


def make_client(
    reactor: Reactor, config: RunConfig, endpoint: Endpoint, wire: Wire, run_id: str, most: int
) -> Client:
    """Return the protocol's client, with at most that many connections.

    Each request has the header X-Request-Id: ``run_id``, a dash and its index.
    """
    if config.protocol.is_grpc:
        tls = make_tls(config, ("h2",))
        return GrpcClient(reactor, endpoint, wire, most, tls, run_id=run_id)
    tls = make_tls(config, ("http/1.1",))
    return HttpClient(reactor, endpoint, wire, most, tls, run_id=run_id)
