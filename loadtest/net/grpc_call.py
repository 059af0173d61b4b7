"""One gRPC call: a stream of HTTP/2 on one side, an exchange on the other."""

from typing import Final, Protocol

from loadtest.exchange import Exchange
from loadtest.net.grpc_status import Ending, judge_head, judge_reset, judge_trailers
from loadtest.net.http2 import Http2Connection
from loadtest.net.http2_frames import Head, Headers
from loadtest.record import NEVER, Outcome
from loadtest.wire.quotes import without_prompt

_FRAME_HEAD_BYTES: Final = 5
# Of one message of an answer; grpc's own clients take 4 MiB unless told otherwise.
_MAX_MESSAGE_BYTES: Final = 64 * 2**20


class CallOwner(Protocol):
    """Who finds a call its connection."""

    def place(self, call: "Call") -> None:
        """Begin it on a connection with room, now or once there is one."""

    def release(self, call: "Call") -> None:
        """Forget it; its stream, if it is not over, is reset."""

    def headers(self, exchange: Exchange) -> Headers:
        """Return those that differ between calls."""


class Call:
    """One exchange on a stream; the exchange ends exactly once."""

    __slots__ = (
        "_buffer",
        "_has_head",
        "_is_moved",
        "_num_messages",
        "_owner",
        "_trailers",
        "connection",
        "exchange",
        "stream_id",
    )

    def __init__(self, client: CallOwner, exchange: Exchange) -> None:
        self.exchange = exchange
        self.connection: Http2Connection | None = None
        self.stream_id = 0
        self._owner = client
        self._is_moved = False
        self._has_head = False
        # The last headers that came: the head may be all there is.
        self._trailers: Head = {}
        self._num_messages = 0
        # The beginning of a message that is not whole.
        self._buffer = bytearray()

    def begin(self, connection: Http2Connection) -> None:
        body = self.exchange.body
        message = b"\0" + len(body).to_bytes(4) + body
        headers = self._owner.headers(self.exchange)
        self.stream_id = connection.start(self, headers, message)

    def fail(self, now: int, outcome: Outcome, detail: str) -> None:
        self._owner.release(self)
        self.exchange.fail(now, outcome, detail)

    def on_sent(self, now: int) -> None:
        self.exchange.sent = now

    def on_head(self, now: int, head: Head) -> None:
        self._begin_answer(now)
        self._trailers = head
        if not self._has_head:
            self._has_head = True
            if ending := judge_head(head):
                self._end(now, ending)

    def on_data(self, now: int, data: bytes) -> None:
        self._begin_answer(now)
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= _FRAME_HEAD_BYTES:
            size = int.from_bytes(buffer[at + 1 : at + _FRAME_HEAD_BYTES])
            if problem := _frame_problem(buffer[at], size):
                self.fail(now, Outcome.MALFORMED, problem)
                return
            end = at + _FRAME_HEAD_BYTES + size
            if end > len(buffer):
                break
            self._take(now, bytes(buffer[at + _FRAME_HEAD_BYTES : end]))
            if self.exchange.is_done:
                return
            at = end
        del buffer[:at]

    def on_end(self, now: int) -> None:
        self._end(now, judge_trailers(self._trailers))

    def on_reset(self, now: int, code: int) -> None:
        self._end(now, judge_reset(code))

    def on_unprocessed(self, now: int) -> None:
        if self._is_moved:
            self.fail(now, Outcome.RESET, "the server left twice without looking at the call")
            return
        self._is_moved = True
        self.exchange.sent = NEVER
        self.stream_id = 0
        self._owner.place(self)

    def on_lost(self, now: int, outcome: Outcome, detail: str) -> None:
        self.fail(now, outcome, detail)

    def _begin_answer(self, now: int) -> None:
        if self.exchange.first_byte == NEVER:
            self.exchange.first_byte = now

    def _take(self, now: int, message: bytes) -> None:
        self._num_messages += 1
        if self._num_messages > 1 and not self.exchange.wire.is_stream:
            self.fail(now, Outcome.MALFORMED, "more than one message answers a unary call")
            return
        self.exchange.response_bytes += len(message)
        self.exchange.receive(now, message)
        if self.exchange.is_done:
            # It was not of the protocol, or said an error: what follows is of no use.
            self._owner.release(self)

    def _end(self, now: int, ending: Ending) -> None:
        self._owner.release(self)
        self.exchange.status = ending.status
        if ending.outcome is not Outcome.OK:
            self.exchange.fail(now, self._outcome(ending), self._detail(ending))
        elif self._buffer:
            self.exchange.fail(now, Outcome.MALFORMED, "the answer ended within a message")
        else:
            self.exchange.end(now)

    def _outcome(self, ending: Ending) -> Outcome:
        has_begun = self.exchange.wire.is_stream and self._num_messages > 0
        return Outcome.STREAM_ERROR if has_begun and ending.status != NEVER else ending.outcome

    def _detail(self, ending: Ending) -> str:
        if not ending.word:
            return ending.detail
        return f"{ending.detail}: {without_prompt(ending.word, self.exchange.prompt)}"


def _frame_problem(is_compressed: int, size: int) -> str:
    """Return what is wrong with a message's head, or ''."""
    if is_compressed:
        return "a message is compressed, which was not offered"
    if size > _MAX_MESSAGE_BYTES:
        return f"a message is {size} bytes long, at most {_MAX_MESSAGE_BYTES} are taken"
    return ""
