"""HTTP/1.1 over as many connections as there are requests under way.

A request is sent at most once. Before a connection is used again it is looked at, so one that the
server has closed in the meantime is replaced and no request notices; a close that was still on its
way when the request was sent is a RESET, for nobody can tell whether the server had begun with it,
and a second generation would hide a server that breaks connections.
"""

from time import monotonic_ns
from typing import Final

from loadtest.errors import AnswerError
from loadtest.exchange import Exchange
from loadtest.net.connection import Connection, connect, in_turn
from loadtest.net.endpoint import Endpoint
from loadtest.net.http1 import RequestHead
from loadtest.net.http_answer import OK, HttpAnswer, outcome_of
from loadtest.net.reactor import Reactor
from loadtest.net.tls import Wrap
from loadtest.record import NEVER, Outcome
from loadtest.wire.part import Wire
from loadtest.wire.quotes import without_prompt

_MAX_MESSAGES: Final = 256


class HttpClient:
    """The Client of the REST protocols; the connection used last is used first.

    Connections take the endpoint's addresses in turn, from number ``first_address`` on.
    """

    def __init__(
        self,
        reactor: Reactor,
        endpoint: Endpoint,
        wire: Wire,
        max_connections: int,
        tls: Wrap | None,
        *,
        run_id: str = "r1-loadtest",
        first_address: int = 0,
    ) -> None:
        self.num_opened = 0
        self.num_open = 0
        self.most_open = 0
        self.reactor = reactor
        self.tls = tls
        self.addresses = endpoint.addresses
        self.wire = wire
        self._head = RequestHead(endpoint, wire, run_id)
        self._redact = endpoint.redact
        self._max_connections = max_connections
        self._first_address = first_address
        self._idle: list[_Channel] = []
        self._channels: dict[Exchange, _Channel] = {}
        # The one whose events are being told: its exchange may end before it is closed.
        self.telling: _Channel | None = None
        # A message that came for two prompts quotes neither.
        self._messages: dict[str, str] = {}

    def has_place(self) -> bool:
        return (
            bool(self._idle)
            or self.num_open < self._max_connections
            or (self.telling is not None and self.telling.is_spent())
        )

    def start(self, exchange: Exchange) -> None:
        exchange.redact = self._redact
        data = self._head.encode(exchange.index, exchange.body)
        channel = self._take_idle()
        exchange.is_reused = channel is not None
        if channel is None:
            channel = self._open()
        self._channels[exchange] = channel
        channel.begin(exchange, data)

    def cancel(self, exchange: Exchange, now: int, outcome: Outcome, detail: str) -> None:
        if channel := self._channels.get(exchange):
            self.drop(channel)
        exchange.fail(now, outcome, detail)

    def close(self) -> None:
        assert not self._channels
        while self._idle:
            self.drop(self._idle[-1])

    def release(self, channel: "_Channel", exchange: Exchange) -> None:
        """Take a connection back whose answer has ended well."""
        del self._channels[exchange]
        self._idle.append(channel)

    def drop(self, channel: "_Channel") -> None:
        """Close a connection and forget it, and its exchange."""
        if channel.exchange is None:
            self._idle.remove(channel)
        else:
            del self._channels[channel.exchange]
            channel.exchange = None
        channel.close()
        self.num_open -= 1

    def describe(self, exchange: Exchange, status: int, body: bytes) -> str:
        """Return the one line that is kept of a failure; it holds no prompt."""
        message = exchange.wire.decode_error(body)
        if not message:
            return f"HTTP {status}"
        if message not in self._messages:
            if len(self._messages) >= _MAX_MESSAGES:
                self._messages.clear()
            self._messages[message] = without_prompt(message, exchange.prompt)
        return f"HTTP {status}: {self._messages[message]}"

    def _take_idle(self) -> "_Channel | None":
        while self._idle:
            channel = self._idle[-1]
            if channel.is_usable():
                return self._idle.pop()
            self.drop(channel)
        return None

    def _open(self) -> "_Channel":
        if self.num_open >= self._max_connections:
            assert self.telling is not None
            assert self.telling.is_spent()
            self.drop(self.telling)
        channel = _Channel(self, self._first_address + self.num_opened)
        self.num_opened += 1
        self.num_open += 1
        self.most_open = max(self.most_open, self.num_open)
        return channel


class _Channel:
    """One connection and the exchange on it."""

    __slots__ = ("_answer", "_began", "_client", "_connection", "_request", "_turns", "exchange")

    def __init__(self, client: HttpClient, turn: int) -> None:
        self.exchange: Exchange | None = None
        self._client = client
        self._connection: Connection | None = None
        self._answer = HttpAnswer(client.wire)
        self._began = NEVER
        self._request = b""
        # Those to try, in turn over all connections.
        self._turns = in_turn(client.addresses, turn)

    def begin(self, exchange: Exchange, request: bytes) -> None:
        self.exchange = exchange
        if self._connection is not None:
            self._connection.send(request)
            return
        # Kept until it is open, for the next address.
        self._request = request
        self._began = monotonic_ns()
        self._connect()

    def is_usable(self) -> bool:
        assert self._connection is not None
        return self._connection.is_quiet()

    def is_spent(self) -> bool:
        """Whether its exchange has ended and it has not been closed yet."""
        return self.exchange is not None and self.exchange.is_done

    def close(self) -> None:
        self._answer.read.close()
        if self._connection is not None:
            self._connection.close()

    def on_open(self, now: int) -> None:
        assert self.exchange is not None
        self.exchange.connect = now - self._began
        self._request = b""

    def on_sent(self, now: int) -> None:
        if self.exchange is not None and self.exchange.sent == NEVER:
            self.exchange.sent = now

    def on_data(self, now: int, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            # Nobody asked.
            self._client.drop(self)
            return
        if exchange.first_byte == NEVER:
            if now < exchange.started:
                self._fail(now, Outcome.RESET, "the server spoke before it was asked")
                return
            exchange.first_byte = now
        try:
            events = self._answer.feed(data)
        except AnswerError as error:
            self._note(exchange)
            self._fail(now, Outcome.MALFORMED, str(error))
            return
        self._note(exchange)
        if events:
            self._tell(now, exchange, events)
        elif self._answer.read.is_complete:
            self._finish(now, exchange)

    def on_close(self, now: int, outcome: Outcome, detail: str) -> None:
        exchange = self.exchange
        if exchange is None:
            self._client.drop(self)
        elif outcome is Outcome.CONNECT_FAILED and self._turns:
            self._connect()
        elif self._is_ended_by_close():
            self._finish(now, exchange)
        elif outcome is Outcome.RESET:
            self._fail(now, outcome, f"{detail} {_progress(exchange)}")
        else:
            self._fail(now, outcome, detail)

    def _connect(self) -> None:
        client = self._client
        try:
            connection = connect(client.reactor, self._turns.pop(0), self, client.tls)
        except OSError as error:
            # Out of file descriptors, for one.
            reason = error.strerror or type(error).__name__
            client.reactor.defer(self._fail_to_connect, self.exchange, reason)
            return
        self._connection = connection
        connection.send(self._request)

    def _fail_to_connect(self, exchange: Exchange | None, reason: str) -> None:
        # It may have been cancelled since.
        if self.exchange is exchange:
            self._fail(monotonic_ns(), Outcome.CONNECT_FAILED, reason)

    def _is_ended_by_close(self) -> bool:
        assert self._connection is not None
        return self._connection.has_ended and self._answer.read.ends_by_close()

    def _note(self, exchange: Exchange) -> None:
        if self._answer.read.has_head:
            exchange.status = self._answer.read.status
        exchange.response_bytes = self._answer.num_bytes

    def _tell(self, now: int, exchange: Exchange, events: list[bytes]) -> None:
        self._client.telling = self
        for event in events:
            exchange.receive(now, event)
        self._client.telling = None
        if exchange.outcome is None:
            if self._answer.read.is_complete:
                self._finish(now, exchange)
        elif self.exchange is exchange:
            # It failed of an event; what follows is nobody's.
            self._client.drop(self)

    def _finish(self, now: int, exchange: Exchange) -> None:
        """End the exchange; its place is free before ``on_done``, which may start another."""
        read = self._answer.read
        status, body = read.status, self._answer.body()
        if read.is_reusable and not read.has_excess:
            self._answer.reset()
            self.exchange = None
            self._client.release(self, exchange)
        else:
            self._client.drop(self)
        if status != OK:
            detail = self._client.describe(exchange, status, body)
            exchange.fail(now, outcome_of(status), detail)
            return
        if not exchange.wire.is_stream:
            exchange.receive(now, body)
        exchange.end(now)

    def _fail(self, now: int, outcome: Outcome, detail: str) -> None:
        exchange = self.exchange
        assert exchange is not None
        self._client.drop(self)
        exchange.fail(now, outcome, detail)


def _progress(exchange: Exchange) -> str:
    if exchange.first_byte != NEVER:
        return "within the answer"
    if exchange.is_reused:
        return "before an answer, on a connection used before"
    return "before an answer"
