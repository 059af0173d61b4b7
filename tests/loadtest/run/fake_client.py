"""A client of the driver's that answers by the clock, without a socket."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic_ns

from loadtest.exchange import Exchange
from loadtest.net.reactor import Reactor
from loadtest.record import Outcome

MS = 1_000_000


@dataclass
class FakeClient:
    """Has ``num_places`` and answers each exchange ``answer_ms`` after it was started."""

    reactor: Reactor
    num_places: int = 1000
    answer_ms: float | None = 1
    num_opened: int = 0
    num_open: int = 0
    most_open: int = 0
    # No server is there to be connected to.
    is_refused: bool = False
    under_way: list[Exchange] = field(default_factory=list)
    started: list[Exchange] = field(default_factory=list)

    def now_ns(self) -> int:
        """Return the time on its reactor's clock."""
        return monotonic_ns()

    def has_place(self) -> bool:
        return len(self.under_way) < self.num_places

    def start(self, exchange: Exchange) -> None:
        assert self.has_place()
        self.under_way.append(exchange)
        self.started.append(exchange)
        self.most_open = max(self.most_open, len(self.under_way))
        exchange.sent = monotonic_ns()
        if self.answer_ms is not None:
            when_ns = exchange.sent + round(self.answer_ms * MS)
            self.reactor.call_at(when_ns, partial(self._answer, exchange))

    def cancel(self, exchange: Exchange, now: int, outcome: Outcome, detail: str) -> None:
        self.under_way.remove(exchange)
        exchange.fail(now, outcome, detail)

    def close(self) -> None:
        assert not self.under_way

    def _answer(self, exchange: Exchange) -> None:
        if not exchange.is_done:
            self.under_way.remove(exchange)
            if self.is_refused:
                exchange.fail(monotonic_ns(), Outcome.CONNECT_FAILED, "Connection refused")
                return
            exchange.texts = [exchange.prompt.expected or ""]
            exchange.is_complete = True
            exchange.end(monotonic_ns())


def call_in(reactor: Reactor, delay_ms: float, callback: Callable[[], None]) -> None:
    reactor.call_at(monotonic_ns() + round(delay_ms * MS), callback)
