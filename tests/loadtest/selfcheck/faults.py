"""Clients with one of their virtues taken out.

``python -m tests.loadtest.selfcheck.faults FAULT FD`` is a worker with that fault: it does what
``python -m loadtest.run FD`` does.
"""

import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from time import monotonic_ns

import pytest

from loadtest.exchange import Exchange
from loadtest.net.reactor import Reactor, Timer
from loadtest.run.driver import Driver
from loadtest.run.worker import work

MS = 1_000_000

Fault = Callable[[pytest.MonkeyPatch], None]


def polls_every_millisecond(patch: pytest.MonkeyPatch) -> None:
    """Sockets and timers are looked at after a sleep instead of when they are ready."""

    def wait(self: Reactor) -> list[tuple[int, int]]:
        time.sleep(0.001)
        return self._epoll.poll(0)

    patch.setattr(Reactor, "_wait", wait)


def stamps_the_head(patch: pytest.MonkeyPatch) -> None:
    """The first chunk is taken to have come with the answer's first byte."""
    count = Exchange._count_chunk

    def count_chunk(self: Exchange, now: int) -> None:
        count(self, now)
        self.first_chunk = self.first_byte

    patch.setattr(Exchange, "_count_chunk", count_chunk)


def stamps_sends_early(patch: pytest.MonkeyPatch) -> None:
    """A request counts as sent 0.2 ms before it is."""
    close = Exchange._close

    def close_early(self: Exchange, *how: object) -> None:
        self.sent -= MS // 5
        close(self, *how)

    patch.setattr(Exchange, "_close", close_early)


def rounds_timers(step_ns: int) -> Fault:
    """Timers ring at whole steps, as asyncio's and epoll_wait's own ring at whole milliseconds."""

    def take_out(patch: pytest.MonkeyPatch) -> None:
        exact = Reactor.call_at

        def call_at(self: Reactor, when_ns: int, callback: Callable[[], None]) -> Timer:
            return exact(self, -(-when_ns // step_ns) * step_ns, callback)

        patch.setattr(Reactor, "call_at", call_at)

    return take_out


def sleeps_between_sends(patch: pytest.MonkeyPatch) -> None:
    """Each send waits for its gap from when the one before it was done."""
    exact, last_ns = Reactor.call_at, [0]

    def call_at(self: Reactor, when_ns: int, callback: Callable[[], None]) -> Timer:
        if getattr(callback, "__func__", None) is Driver._send_due:
            gap_ns = when_ns - (last_ns[0] or monotonic_ns())
            last_ns[0] = when_ns
            when_ns = monotonic_ns() + gap_ns
        return exact(self, when_ns, callback)

    patch.setattr(Reactor, "call_at", call_at)


def counts_from_the_start(patch: pytest.MonkeyPatch) -> None:
    """A request is due when there is a connection for it."""
    start = Driver._start

    def start_due_now(self: Driver, exchange: Exchange) -> None:
        exchange.scheduled = monotonic_ns()
        start(self, exchange)

    patch.setattr(Driver, "_start", start_due_now)


def drops_what_cannot_be_sent(patch: pytest.MonkeyPatch) -> None:
    """A request for which there is no connection is forgotten."""
    submit = Driver._submit

    def submit_or_drop(self: Driver, exchange: Exchange) -> None:
        if self._client.has_place():
            submit(self, exchange)

    patch.setattr(Driver, "_submit", submit_or_drop)


FAULTS: dict[str, Fault] = {
    "polls every millisecond": polls_every_millisecond,
    "stamps the head": stamps_the_head,
    "stamps sends early": stamps_sends_early,
    "rounds timers to 1 ms": rounds_timers(MS),
    "rounds timers to 2 ms": rounds_timers(2 * MS),
    "rounds timers to 7 ms": rounds_timers(7 * MS),
    "sleeps between sends": sleeps_between_sends,
    "counts from the start": counts_from_the_start,
    "drops what cannot be sent": drops_what_cannot_be_sent,
}


if __name__ == "__main__":
    FAULTS[sys.argv[1]](pytest.MonkeyPatch())
    with Connection(int(sys.argv[2])) as pipe:
        work(pipe.recv(), pipe)
