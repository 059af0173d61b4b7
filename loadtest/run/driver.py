"""One worker's requests: sent when they are due, followed until they have ended, recorded."""

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, repeat
from time import monotonic_ns
from typing import Final

from loadtest.config import Arrivals, RunConfig
from loadtest.exchange import Exchange
from loadtest.net.client import Client
from loadtest.net.reactor import Reactor, Timer
from loadtest.prompts.prompt import PromptSource
from loadtest.record import NEVER, Outcome
from loadtest.run.pace import Share, own_times
from loadtest.run.preparation import Preparation
from loadtest.run.recorder import Recorder
from loadtest.run.tally import Tally
from loadtest.wire.part import Wire

_NS: Final = 1_000_000_000
# Of a closed loop's place whose request found no server: doubled each time that all of them fail.
_LEAST_PAUSE_NS: Final = 100_000_000
_MOST_PAUSE_NS: Final = 1_000_000_000


class Driver:
    """Runs one worker's share of a run and calls ``on_finished`` once, when all is recorded.

    An arrival is sent at its time whatever became of those before it: behind a full connection
    pool it waits, and its lateness shows it. In a closed loop a request is due when the one before
    it in its place has ended.
    """

    def __init__(
        self,
        config: RunConfig,
        share: Share,
        run_id: str,
        *,
        reactor: Reactor,
        client: Client,
        source: PromptSource,
        wire: Wire,
        recorder: Recorder,
        on_finished: Callable[[], None],
    ) -> None:
        self.tally = Tally()
        self.is_out_of_requests = False
        # How long it was that requests could be scheduled.
        self.sent_for_s = 0.0
        self._config = config
        self._share = share
        self._reactor = reactor
        self._client = client
        self._recorder = recorder
        self._on_finished = on_finished
        self._is_closed = config.arrivals is Arrivals.CLOSED
        self._is_trace = config.arrivals is Arrivals.TRACE
        times = self._numbers() if self._is_closed else own_times(config, share)
        self._preparation = Preparation(config, source, wire, run_id, self._on_done, times)
        self._budget = share.of(config.max_requests)
        self._timeout_ns = round(config.timeout_s * _NS)
        self._epoch_ns = 0
        self._end_ns = 0
        self._next: Exchange | None = None
        # In the order in which they were due, so that the first is the first to time out.
        self._under_way: dict[int, Exchange] = {}
        self._waiting: deque[Exchange] = deque()
        self._done: list[Exchange] = []
        self._num_thinking = 0
        self._num_unconnected = 0
        self.is_sending = True
        self._is_exhausted = False
        self._is_finished = False
        self._timeout_timer: Timer | None = None
        self._expect_work()

    @property
    def num_in_flight(self) -> int:
        return len(self._under_way)

    @property
    def num_waiting(self) -> int:
        return len(self._waiting)

    def begin(self, epoch_ns: int) -> None:
        """Time 0 of the schedule is ``epoch_ns`` of CLOCK_MONOTONIC, which may be to come."""
        self._epoch_ns = epoch_ns
        self._end_ns = epoch_ns + round(self._config.duration_s * _NS)
        if self._is_closed:
            self._reactor.call_at(epoch_ns, self._fill_places)
            # Whether or not an answer comes by then.
            self._reactor.call_at(self._end_ns, self.stop_sending)
        else:
            self._await_next()

    def stop_sending(self) -> None:
        """Schedule nothing more; what was scheduled goes on until the drain is over."""
        if self.is_sending:
            self._end_sending()
            drain_ns = round(self._config.drain_s * _NS)
            self._reactor.call_at(monotonic_ns() + drain_ns, self.cut_off)
            self._finish_if_over()

    def cut_off(self) -> None:
        """End now: what waits is not sent, what is under way is unfinished."""
        self._end_sending()
        self._drop_waiting()
        now = monotonic_ns()
        for exchange in self._under_way.values():
            # What has ended is settled behind this.
            if not exchange.is_done:
                self._client.cancel(exchange, now, Outcome.UNFINISHED, "the run ended")
        self._finish_if_over()

    def _numbers(self) -> Iterator[tuple[int, int]]:
        """Yield a closed loop's arrivals, which have no times of their own."""
        numbers = range(self._share.worker, self._config.max_requests, self._share.num_workers)
        return zip(numbers, repeat(0))

    def _expect_work(self) -> None:
        """Work ahead when there is time: a request has been taken or has ended."""
        self._reactor.on_idle = self._work_ahead

    def _work_ahead(self) -> bool:
        return self._preparation.prepare() or self._recorder.count_tokens()

    def _await_next(self) -> None:
        self._next = self._preparation.take() if self.is_sending and self._budget else None
        self._expect_work()
        if self._next is not None:
            self._next.scheduled += self._epoch_ns
            self._reactor.call_at(self._next.scheduled, self._send_due)
        elif self.is_sending and not self._budget:
            self._run_out()
        elif self.is_sending:
            self._is_exhausted = True
            self._reactor.call_at(self._end_ns, self.stop_sending)
            self._finish_if_over()

    def _send_due(self) -> None:
        exchange = self._next
        if exchange is None or not self.is_sending:
            return
        self._submit(exchange)
        self._await_next()

    def _fill_places(self) -> None:
        assert self._config.concurrency is not None
        for _ in range(self._share.of(self._config.concurrency)):
            self._fill_place(self._epoch_ns)

    def _fill_place(self, now: int) -> None:
        """Send the next of a closed loop, due now."""
        if not self.is_sending:
            return
        exchange = self._preparation.take() if self._budget else None
        if exchange is None:
            self._run_out()
            return
        exchange.scheduled = now
        self._submit(exchange)

    def _run_out(self) -> None:
        self.is_out_of_requests = True
        # Conversations that have begun and have no budget left end here too.
        self.stop_sending()

    def _submit(self, exchange: Exchange) -> None:
        self._budget -= 1
        self.tally.schedule()
        if self._waiting or not self._client.has_place():
            self._waiting.append(exchange)
        else:
            self._start(exchange)
        if self._timeout_timer is None:
            self._await_timeout(exchange)

    def _start(self, exchange: Exchange) -> None:
        exchange.started = monotonic_ns()
        self._under_way[exchange.index] = exchange
        self.tally.send(exchange)
        self._client.start(exchange)

    def _on_done(self, exchange: Exchange) -> None:
        # Settled once the connection is free again.
        if not self._done:
            self._reactor.defer(self._settle)
        self._done.append(exchange)

    def _settle(self) -> None:
        done, self._done = self._done, []
        self._expect_work()
        for exchange in done:
            del self._under_way[exchange.index]
            self.tally.end(exchange)
            follow_up = self._follow(exchange)
            self._recorder.record(exchange)
            if self._is_closed and not follow_up:
                self._refill_place(exchange)
        while self._waiting and self._client.has_place():
            self._start(self._waiting.popleft())
        self._finish_if_over()

    def _refill_place(self, before: Exchange) -> None:
        """Send the next at once, but after a pause where there is no server to answer it."""
        if before.outcome is not Outcome.CONNECT_FAILED:
            self._num_unconnected = 0
            self._fill_place(before.finished)
            return
        assert self._config.concurrency is not None
        num_rounds = self._num_unconnected // self._config.concurrency
        self._num_unconnected += 1
        pause_ns = min(_LEAST_PAUSE_NS << min(num_rounds, 10), _MOST_PAUSE_NS)
        due_ns = monotonic_ns() + pause_ns
        self._reactor.call_at(due_ns, partial(self._fill_place, due_ns))

    def _follow(self, before: Exchange) -> bool:
        """Schedule the conversation's next turn; whether there is one."""
        if before.outcome is not Outcome.OK or not self.is_sending:
            return False
        think_ns = round(self._config.think_time_s * _NS)
        exchange = self._preparation.follow(before, before.finished + think_ns)
        if exchange is None or exchange.scheduled >= self._end_ns:
            return False
        self._num_thinking += 1
        self._reactor.call_at(exchange.scheduled, partial(self._resume, exchange))
        return True

    def _resume(self, exchange: Exchange) -> None:
        self._num_thinking -= 1
        if self.is_sending and self._budget:
            self._submit(exchange)
        elif self.is_sending:
            self._run_out()
        else:
            self._finish_if_over()

    def _await_timeout(self, exchange: Exchange) -> None:
        when_ns = exchange.scheduled + self._timeout_ns
        self._timeout_timer = self._reactor.call_at(when_ns, self._time_out)

    def _time_out(self) -> None:
        """End what is overdue, and wait for the first that is not."""
        now = monotonic_ns()
        self._timeout_timer = None
        for exchange in chain(self._under_way.values(), tuple(self._waiting)):
            if exchange.is_done:
                continue
            if exchange.scheduled + self._timeout_ns > now:
                self._await_timeout(exchange)
                return
            if exchange.started == NEVER:
                self._drop(self._waiting.popleft())
            else:
                detail = f"no end after {self._config.timeout_s:g} s"
                self._client.cancel(exchange, now, Outcome.TIMEOUT, detail)
        self._finish_if_over()

    def _drop_waiting(self) -> None:
        while self._waiting:
            self._drop(self._waiting.popleft())

    def _drop(self, exchange: Exchange) -> None:
        self.tally.drop()
        self._recorder.record_not_sent(exchange)

    def _finish_if_over(self) -> None:
        # Who still thinks when the sending is over asks nothing more.
        is_thinking = self._num_thinking > 0 and self.is_sending
        if self._is_finished or self._under_way or self._waiting or is_thinking:
            return
        # A trace is over when its last conversation is; other schedules last as long as they say.
        if self.is_sending and not (self._is_exhausted and self._is_trace):
            return
        self._end_sending()
        self._is_finished = True
        self._on_finished()

    def _end_sending(self) -> None:
        if self.is_sending:
            self.is_sending = False
            self.sent_for_s = max(monotonic_ns() - self._epoch_ns, 0) / _NS
