"""What a predictor hears of a client: what nginx knows, not what the client says of itself."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import httpx
import pytest

from tests.manifests.single_host.backends import Backend
from tests.manifests.single_host.front import Front

FORGED = {
    "x-forwarded-for": "203.0.113.66",
    "x-forwarded-proto": "http",
    "x-real-ip": "203.0.113.66",
    "forwarded": "for=203.0.113.66",
    "proxy-authorization": "Basic eDp5",
    "cookie": "session=stolen",
}
KNOWN = {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "https"}


class Listener(grpc.GenericRpcHandler):
    """Remembers the metadata of each call, and serves none."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> None:
        self.calls.append(dict(handler_call_details.invocation_metadata))


@pytest.fixture
def listener() -> Iterator[tuple[Listener, int]]:
    listener = Listener()
    server = grpc.server(ThreadPoolExecutor(1), handlers=[listener])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield listener, port
    server.stop(None).wait(10)


def test_over_rest_only_nginx_says_who_the_client_is(
    start_front: Callable[..., Front], backend: Callable[[str], Backend]
) -> None:
    first, second = backend("503"), backend("200")
    front = start_front([first.port, None, second.port, None])

    with front.client() as client:
        assert client.get("/v2/models/r1", headers=FORGED).status_code == 200

    # Of the first one asked, and of the other.
    assert [headers_of(each) for each in (first, second)] == [KNOWN, KNOWN]


def headers_of(backend: Backend) -> dict[str, str]:
    lines = backend.requests[0].split(b"\r\n")[1:-2]
    received = httpx.Headers([tuple(line.split(b": ", 1)) for line in lines])
    return {name: received[name] for name in FORGED if name in received}


def test_over_grpc_only_nginx_says_who_the_client_is(
    start_front: Callable[..., Front], listener: tuple[Listener, int]
) -> None:
    heard, port = listener
    front = start_front([None, port, None, None])
    metadata = tuple((front.bearer() | FORGED).items())

    with front.channel() as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/inference.GRPCInferenceService/ServerLive")(
            b"", metadata=metadata, timeout=20
        )

    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    (received,) = heard.calls
    assert {name: received[name] for name in FORGED if name in received} == KNOWN
    assert "authorization" not in received
