"""gRPC over our own sockets: few connections, many calls on each.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md

No deadline is sent unless a header ``grpc-timeout`` is given: the timeout is the client's, which
resets the call. A call that the server gave back unseen as it left (GOAWAY) is sent once more on
another connection, as every gRPC client does: nothing has run for it, and its latency goes on
from when it was due. A call that the server itself reset or refused is not: that is its answer.
"""

import re
from typing import Final

from loadtest.errors import UsageError
from loadtest.exchange import Exchange
from loadtest.net.connection import in_turn
from loadtest.net.endpoint import Endpoint
from loadtest.net.grpc_call import Call
from loadtest.net.http2 import Http2Connection, Stage
from loadtest.net.http2_frames import Headers
from loadtest.net.reactor import Reactor
from loadtest.net.tls import Wrap
from loadtest.record import Outcome
from loadtest.wire.part import Wire

_USER_AGENT: Final = b"r1-loadtest"
_METADATA_NAME: Final = re.compile(r"[0-9a-z_.-]+")
_METADATA_VALUE: Final = re.compile(r"[\x20-\x7e]*")


class GrpcClient:
    """Fills a connection up to its streams before it opens the next.

    Connections that a server is leaving do not count towards ``max_connections``. They take the
    endpoint's addresses in turn, from number ``first_address`` on. Raises UsageError for a header
    that cannot be metadata.
    """

    def __init__(
        self,
        reactor: Reactor,
        endpoint: Endpoint,
        wire: Wire,
        max_connections: int,
        tls: Wrap | None,
        *,
        max_streams_per_connection: int = 100,
        run_id: str = "r1-loadtest",
        first_address: int = 0,
    ) -> None:
        self.num_opened = 0
        self.num_open = 0
        self.most_open = 0
        self._reactor = reactor
        self._endpoint = endpoint
        self._max_connections = max_connections
        self._first_address = first_address
        self._tls = tls
        self._max_streams = max_streams_per_connection
        # Of a connection whose server has not said yet how many it allows.
        self._hoped_streams = max_streams_per_connection
        self._fixed_headers = _fixed_headers(endpoint, wire)
        has_own_ids = b"x-request-id" in dict(self._fixed_headers)
        self._id_prefix = None if has_own_ids else f"{run_id}-".encode()
        # Every connection that is not closed, and the calls that wait until it is ready.
        self._queued: dict[Http2Connection, dict[Call, None]] = {}
        # Of these, those that take another call; the first is filled first.
        self._roomy: dict[Http2Connection, None] = {}
        self._draining: set[Http2Connection] = set()
        # Calls beyond every connection's room.
        self._waiting: dict[Call, None] = {}
        self._calls: dict[Exchange, Call] = {}

    def has_place(self) -> bool:
        return not self._waiting and (bool(self._roomy) or self._may_open())

    def start(self, exchange: Exchange) -> None:
        exchange.redact = self._endpoint.redact
        call = Call(self, exchange)
        self._calls[exchange] = call
        self.place(call)

    def cancel(self, exchange: Exchange, now: int, outcome: Outcome, detail: str) -> None:
        if not exchange.is_done:
            self._calls[exchange].fail(now, outcome, detail)

    def close(self) -> None:
        for connection in self._queued:
            connection.close()
        self._queued.clear()
        self._roomy.clear()
        self._draining.clear()
        self.num_open = 0

    def place(self, call: Call) -> None:
        """Begin a call, or keep it until a connection can take it."""
        if self._roomy:
            self._give(next(iter(self._roomy)), call)
        elif self._may_open():
            self._give(self._open(), call)
        else:
            self._waiting[call] = None

    def release(self, call: Call) -> None:
        """Forget a call that is over, wherever it is."""
        del self._calls[call.exchange]
        self._waiting.pop(call, None)
        connection = call.connection
        if connection is None:
            return
        # Which may still hold the call, with what it has not sent of it.
        call.connection = None
        self._queued.get(connection, {}).pop(call, None)
        if call.stream_id:
            connection.reset(call.stream_id)
        self._update(connection)

    def headers(self, exchange: Exchange) -> Headers:
        """Return those that differ between calls."""
        headers = []
        if self._id_prefix is not None:
            headers.append((b"x-request-id", b"%b%d" % (self._id_prefix, exchange.index)))
        if authorization := self._endpoint.authorization():
            headers.append((b"authorization", authorization.encode()))
        return headers

    def on_ready(self, connection: Http2Connection, now: int) -> None:
        queued = list(self._queued[connection])
        self._queued[connection].clear()
        self._hoped_streams = max(min(self._max_streams, connection.max_streams), 1)
        self._update(connection)
        for call in queued:
            call.exchange.connect = now - max(connection.began, call.exchange.started)
            # The server may allow fewer streams than were hoped for.
            self.place(call)

    def on_room(self, connection: Http2Connection, now: int) -> None:
        self._update(connection)

    def on_drain(self, connection: Http2Connection, now: int) -> None:
        self._draining.add(connection)
        self._update(connection)

    def on_closed(
        self, connection: Http2Connection, now: int, outcome: Outcome, detail: str
    ) -> None:
        queued = list(self._queued.pop(connection))
        self.num_open -= 1
        self._draining.discard(connection)
        for call in queued:
            call.fail(now, outcome, detail)
        self._update(connection)

    def _may_open(self) -> bool:
        return self.num_open - len(self._draining) < self._max_connections

    def _open(self) -> Http2Connection:
        connection = Http2Connection(
            self._reactor,
            in_turn(self._endpoint.addresses, self._first_address + self.num_opened),
            self,
            fixed_headers=self._fixed_headers,
            tls=self._tls,
        )
        self.num_opened += 1
        self.num_open += 1
        self.most_open = max(self.most_open, self.num_open)
        self._queued[connection] = {}
        return connection

    def _give(self, connection: Http2Connection, call: Call) -> None:
        call.connection = connection
        if connection.stage is Stage.OPENING:
            call.exchange.is_reused = False
            self._queued[connection][call] = None
        else:
            call.begin(connection)
        self._update(connection)

    def _update(self, connection: Http2Connection) -> None:
        """Note whether a connection takes another call, and give it those that wait."""
        if self._has_room(connection):
            self._roomy[connection] = None
        else:
            self._roomy.pop(connection, None)
        while self._waiting and (self._roomy or self._may_open()):
            call = next(iter(self._waiting))
            del self._waiting[call]
            self.place(call)

    def _has_room(self, connection: Http2Connection) -> bool:
        if connection.stage is Stage.OPENING:
            return len(self._queued[connection]) < self._hoped_streams
        allowed = min(self._max_streams, connection.max_streams)
        return connection.stage is Stage.READY and connection.num_streams < allowed


def _fixed_headers(endpoint: Endpoint, wire: Wire) -> Headers:
    headers = [
        (b":method", b"POST"),
        (b":scheme", b"https" if endpoint.is_tls else b"http"),
        (b":path", wire.path.encode()),
        (b":authority", endpoint.authority.encode()),
        (b"te", b"trailers"),
        (b"content-type", wire.content_type.encode()),
        (b"grpc-accept-encoding", b"identity"),
    ]
    given = [_metadata(name.lower(), value) for name, value in endpoint.headers]
    if b"user-agent" not in dict(given):
        headers.append((b"user-agent", _USER_AGENT))
    return headers + given


def _metadata(name: str, value: str) -> tuple[bytes, bytes]:
    """Return one header as metadata; its value may be a secret and is never shown."""
    if not _METADATA_NAME.fullmatch(name):
        raise UsageError(f"header {name}: metadata's names hold letters, digits and _-. alone")
    if name.endswith("-bin"):
        raise UsageError(f"header {name} is binary metadata, which is not sent; rename it")
    if name.startswith("grpc-") and name != "grpc-timeout":
        raise UsageError(
            f"header {name} is gRPC's own, must be left out; grpc-timeout may be given"
        )
    if not _METADATA_VALUE.fullmatch(value):
        raise UsageError(f"header {name}: metadata's values are printable ASCII")
    return name.encode(), value.encode()
