"""The answer to one request: its events as they come, or its whole body."""

from typing import Final

from loadtest.errors import AnswerError
from loadtest.net.http1 import AnswerReader
from loadtest.net.sse import EventParser
from loadtest.record import Outcome
from loadtest.wire.part import Wire

OK: Final = 200
# Of a unary answer, or of an error's.
MAX_BODY_BYTES: Final = 64 * 1024 * 1024


class HttpAnswer:
    """Reads the answers of one connection, one after the other."""

    __slots__ = ("_body", "_events", "_has_begun", "_is_stream", "_media_type", "num_bytes", "read")

    def __init__(self, wire: Wire) -> None:
        self.read = AnswerReader()
        self._is_stream = wire.is_stream
        self._media_type = wire.accept.encode()
        self.reset()

    def reset(self) -> None:
        """Be ready for the next answer."""
        self.read.reset()
        # Of the body, so far.
        self.num_bytes = 0
        self._body: list[bytes] = []
        self._events: EventParser | None = None
        self._has_begun = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take what has come and return the data of each event in it.

        Raises AnswerError where it is not HTTP/1.1's or not of the media type asked for.
        """
        read = self.read
        read.feed(data)
        if not self._has_begun:
            if not read.has_head:
                return []
            self._begin()
        if not read.pieces:
            return []
        body = read.pieces[0] if len(read.pieces) == 1 else b"".join(read.pieces)
        read.pieces.clear()
        self.num_bytes += len(body)
        if self._events is not None:
            return self._events.feed(body)
        self._body.append(body)
        if self.num_bytes > MAX_BODY_BYTES:
            raise AnswerError(f"the answer has more than {MAX_BODY_BYTES} bytes")
        return []

    def body(self) -> bytes:
        """Return what has come of a body that is no stream of events."""
        return b"".join(self._body)

    def _begin(self) -> None:
        self._has_begun = True
        if self.read.status != OK:
            return
        if self.read.content_type != self._media_type:
            said = self.read.content_type.decode("latin-1")[:100]
            wanted = self._media_type.decode()
            raise AnswerError(f"the answer's content type is {said!r}, must be {wanted}")
        if self._is_stream:
            self._events = EventParser()


def outcome_of(status: int) -> Outcome:
    """Return what a status other than 200 means."""
    if status in (429, 503):
        return Outcome.OVERLOADED
    if status == 504:
        return Outcome.DEADLINE
    if 400 <= status < 500:
        return Outcome.REFUSED
    if 500 <= status < 600:
        return Outcome.SERVER_ERROR
    # Redirections are not followed; other successes hold no answer.
    return Outcome.MALFORMED
