"""One answer under way: its pieces go out when they are due, whatever the protocol."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from loadtest.net.reactor import Reactor, Timer
from loadtest.nullserver.golden import GoldenLog
from loadtest.nullserver.plan import Fault, Plan, Planner
from loadtest.nullserver.profile import Profile

# Of one write; more might never fit into a client's flow control window.
_MAX_WRITE_BYTES: Final = 32_768
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Pieces:
    """An answer's bytes, ready for the socket; a unary one is a single chunk."""

    # Before the first chunk: of a stream it goes out as soon as the request is there.
    opening: bytes
    chunk: bytes
    # After the last chunk; and of a truncated stream, in its place.
    ending: bytes
    cut: bytes
    # Instead of all of these.
    error: bytes
    refusal: bytes


class Carrier(Protocol):
    """The connection that a reply goes out on."""

    def write(self, reply: "Reply", data: bytes, num_chunks: int) -> None:
        """Send; calls the reply's ``on_handed`` once the kernel has it all."""

    def reset(self, reply: "Reply") -> None:
        """Break it off so that the client sees a reset."""


@dataclass(slots=True, eq=False)
class Reply:
    """``on_over`` is called once: when the kernel has all of it, or it was reset or dropped."""

    reactor: Reactor
    carrier: Carrier
    plan: Plan
    pieces: Pieces
    request_id: bytes
    received: int
    on_over: Callable[["Reply"], None]
    stream_id: int = 0
    # When each of its chunks was with the kernel, in ns.
    handed: list[int] = field(default_factory=list)

    _timer: Timer | None = None
    _opening: bytes = b""
    _num_sent: int = 0
    _num_unhanded: int = 0
    _is_last_sent: bool = False
    _is_over: bool = False

    def begin(self) -> None:
        first = self.plan.due[0]
        self._opening = self.pieces.opening
        if self.plan.fault is Fault.REFUSED:
            self._write(self.pieces.refusal, is_last=True)
        elif first <= self.received:
            self._step()
        else:
            self._timer = self.reactor.call_at(first, self._step)
            if self._opening and self.plan.fault is not Fault.ERROR:
                self._opening = b""
                self._write(self.pieces.opening)

    def on_handed(self, now: int, num_chunks: int) -> None:
        self.handed.extend((now,) * num_chunks)
        self._num_unhanded -= 1
        if self._is_last_sent and not self._num_unhanded:
            self._end()

    def drop(self) -> None:
        """The client is gone or does not want it any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._end()

    def _step(self) -> None:
        if self.plan.fault is Fault.ERROR:
            self._write(self.pieces.error, is_last=True)
            return
        num_chunks, limit = self._num_due_together(), self._num_to_send()
        data = self._opening + self.pieces.chunk * num_chunks
        self._opening = b""
        self._num_sent += num_chunks
        if self._num_sent < limit:
            self._timer = self.reactor.call_at(self.plan.due[self._num_sent], self._step)
            self._write(data, num_chunks)
        elif self.plan.fault is Fault.RESET:
            if data:
                self._write(data, num_chunks)
            self.carrier.reset(self)
        else:
            cut = self.plan.fault is Fault.TRUNCATED
            data += self.pieces.cut if cut else self.pieces.ending
            self._write(data, num_chunks, is_last=True)

    def _num_to_send(self) -> int:
        num_chunks = len(self.plan.due)
        return num_chunks if self.plan.fault is Fault.NONE else num_chunks // 2

    def _num_due_together(self) -> int:
        """Chunks are never put together unless the profile has no gap between them."""
        due, first = self.plan.due, self._num_sent
        most = first + max(1, _MAX_WRITE_BYTES // len(self.pieces.chunk))
        end = min(self._num_to_send(), most)
        if end > first and due[end - 1] == due[first]:
            return end - first
        return min(1, end - first)

    def _write(self, data: bytes, num_chunks: int = 0, *, is_last: bool = False) -> None:
        self._num_unhanded += 1
        self._is_last_sent = is_last
        self.carrier.write(self, data, num_chunks)

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self.on_over(self)


class Service:
    """Plans replies in the order of their requests, counts them and notes what they saw."""

    def __init__(self, reactor: Reactor, profile: Profile, golden: GoldenLog | None) -> None:
        self.num_requests = 0
        self.num_in_flight = 0
        self._reactor = reactor
        self._profile = profile
        self._planner = Planner(profile)
        self._golden = golden

    def begin(
        self,
        carrier: Carrier,
        pieces: Pieces,
        *,
        is_stream: bool,
        request_id: bytes,
        received: int,
        on_over: Callable[[Reply], None],
        stream_id: int = 0,
    ) -> Reply:
        """Return the reply to a request that is there whole since ``received``; not begun yet."""
        self.num_requests += 1
        self.num_in_flight += 1
        if self.num_requests == 1 and self._profile.stall_s:
            stall_at = received + round(self._profile.stall_at_s * _NS)
            self._reactor.call_at(stall_at, partial(time.sleep, self._profile.stall_s))
        plan = self._planner.plan(received, request_id, is_stream=is_stream)
        return Reply(self._reactor, carrier, plan, pieces, request_id, received, on_over, stream_id)

    def finish(self, reply: Reply) -> None:
        """Note a reply that is over."""
        self.num_in_flight -= 1
        if self._golden is not None:
            self._golden.add(reply.request_id, reply.received, reply.plan.fault, reply.handed)
