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
    reactor: Reactor,
    config: RunConfig,
    endpoint: Endpoint,
    wire: Wire,
    run_id: str,
    *,
    max_connections: int,
    first_address: int,
) -> Client:
    """Return the protocol's client.

    Each request has the header X-Request-Id: ``run_id``, a dash and its index. Connections go to
    the endpoint's addresses in turn, from the given one on.
    """
    if config.protocol.is_grpc:
        tls = make_tls(config, ("h2",))
        return GrpcClient(
            reactor,
            endpoint,
            wire,
            max_connections,
            tls,
            run_id=run_id,
            first_address=first_address,
        )
    tls = make_tls(config, ("http/1.1",))
    return HttpClient(
        reactor, endpoint, wire, max_connections, tls, run_id=run_id, first_address=first_address
    )
