"""One stream of HTTP/2, and who is told of it."""

from dataclasses import dataclass
from typing import Protocol

from loadtest.net.http2_frames import Head
from loadtest.net.http2_sending import Sender
from loadtest.record import Outcome


class StreamReceiver(Sender, Protocol):
    """Who is told of one stream; ``now`` is CLOCK_MONOTONIC in ns."""

    def on_head(self, now: int, head: Head) -> None:
        """The head, or the trailers."""

    def on_data(self, now: int, data: bytes) -> None: ...

    def on_end(self, now: int) -> None:
        """The server has ended its half of the stream, and so the stream."""

    def on_reset(self, now: int, code: int) -> None:
        """The server has reset the stream, which is over."""

    def on_unprocessed(self, now: int) -> None:
        """The server has left without looking at it; RFC 9113 section 6.8: it may be sent anew."""

    def on_lost(self, now: int, outcome: Outcome, detail: str) -> None:
        """The connection has failed, and the stream with it."""


@dataclass(slots=True, eq=False)
class Stream:
    """What a connection knows of a stream under way."""

    receiver: StreamReceiver
    has_head: bool = False
    num_uncredited: int = 0
