"""One thread's events, in the order that keeps its measurements true.

Of all that is ready at once, sockets are read first, so that arrivals are stamped before any of
them is parsed; then come the timers that are due, which are the sends; then what was read is
parsed, with a look at the timers after each piece.
"""

import heapq
import select
from collections import deque
from collections.abc import Callable
from time import monotonic_ns
from typing import Final

from loadtest.net.timerfd import DISARMED, TimerFd

READ: Final = select.EPOLLIN
WRITE: Final = select.EPOLLOUT
# Idle work is begun only this long before the next timer.
_SLACK_NS: Final = 300_000
# How long the loop was busy before it looked at its sockets again, in steps of 0.1 ms up to 1 s.
BUSY_STEP_NS: Final = 100_000
_NUM_BUSY_STEPS: Final = 10_000


class Timer:
    """A callback that is still to come, unless it is cancelled."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Reactor:
    """Runs callbacks on the calling thread until it is stopped."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._timer_fd = TimerFd()
        self._epoll.register(self._timer_fd.fd, READ)
        self._armed_ns = DISARMED
        self._on_ready: dict[int, Callable[[int], None]] = {}
        self._timers: list[tuple[int, int, Timer]] = []
        self._num_timers = 0
        self._deferred: deque[tuple[Callable[..., None], tuple[object, ...]]] = deque()
        self._is_running = False
        # Does one small piece of work and tells whether more is left; where none is, it is
        # forgotten, so that waking up costs nothing for it. Whoever has work again sets it again.
        self.on_idle: Callable[[], bool] | None = None
        self.busy_counts = [0] * _NUM_BUSY_STEPS
        self.busy_most_ns = 0

    def watch(self, fd: int, events: int, callback: Callable[[int], None]) -> None:
        """Call back with the events of a file descriptor whenever it is ready for any of them."""
        self._on_ready[fd] = callback
        self._epoll.register(fd, events)

    def rewatch(self, fd: int, events: int) -> None:
        self._epoll.modify(fd, events)

    def unwatch(self, fd: int) -> None:
        del self._on_ready[fd]
        self._epoll.unregister(fd)

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        """Call back at a time of CLOCK_MONOTONIC in ns; of equal times the first given is first."""
        timer = Timer(callback)
        self._num_timers += 1
        # Not DISARMED, which is past like any time of so long ago.
        heapq.heappush(self._timers, (max(when_ns, 1), self._num_timers, timer))
        return timer

    def defer(self, callback: Callable[..., None], *arguments: object) -> None:
        """Call back once everything that is ready has been read and every due timer has run."""
        self._deferred.append((callback, arguments))

    def run(self) -> None:
        self._is_running = True
        while self._is_running:
            events = self._wait()
            began = monotonic_ns()
            for fd, mask in events:
                # An earlier callback may have closed it.
                if callback := self._on_ready.get(fd):
                    callback(mask)
            self._run_timers()
            while self._deferred:
                deferred, arguments = self._deferred.popleft()
                deferred(*arguments)
                self._run_timers()
            self._count_busy(monotonic_ns() - began)

    def stop(self) -> None:
        self._is_running = False

    def close(self) -> None:
        self._timer_fd.close()
        self._epoll.close()

    def _wait(self) -> list[tuple[int, int]]:
        """Return what is ready, doing idle work for as long as there is any and nothing is."""
        wanted_ns = self._timers[0][0] if self._timers else DISARMED
        if wanted_ns != self._armed_ns:
            # This also ends the readiness that the last time has left.
            self._armed_ns = wanted_ns
            self._timer_fd.arm(wanted_ns)
        if self._deferred:
            # Given before the loop ran: no event would tell of it.
            return self._epoll.poll(0)
        while self.on_idle is not None:
            if events := self._epoll.poll(0):
                return events
            next_ns = self._timers[0][0] if self._timers else None
            if next_ns is not None and next_ns - monotonic_ns() < _SLACK_NS:
                break
            if not self.on_idle():
                self.on_idle = None
        return self._epoll.poll()

    def _run_timers(self) -> None:
        timers = self._timers
        while timers and timers[0][0] <= monotonic_ns():
            timer = heapq.heappop(timers)[2]
            if timer.callback is not None:
                timer.callback()

    def _count_busy(self, busy_ns: int) -> None:
        step = busy_ns // BUSY_STEP_NS
        self.busy_counts[step if step < _NUM_BUSY_STEPS else -1] += 1
        if busy_ns > self.busy_most_ns:
            self.busy_most_ns = busy_ns
