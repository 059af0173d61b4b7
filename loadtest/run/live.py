"""What a run looks like while it goes on: a table on a terminal, else a line every ten seconds."""

from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from loadtest.config import RunConfig
from loadtest.record import Outcome
from loadtest.run.messages import Progress
from loadtest.run.window import WINDOW_S, Window

_LINE_EVERY_S: Final = 10.0
_FRAME_EVERY_S: Final = 0.25


class LiveView:
    """Watches a run; enter it before the first update."""

    def __init__(self, config: RunConfig, console: Console) -> None:
        self._config = config
        self._console = console
        self._window = Window()
        self._shown_s = 0.0
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._live.stop()

    def update(self, now_s: float, worker: int, progress: Progress | None) -> None:
        self._window.take(now_s, worker, progress)
        every_s = _FRAME_EVERY_S if self._console.is_terminal else _LINE_EVERY_S
        if now_s - self._shown_s < every_s:
            return
        self._shown_s = now_s
        if self._console.is_terminal:
            self._live.update(self._table(), refresh=True)
        else:
            self._console.print(self._line())

    def interrupt(self, *, is_last: bool) -> None:
        num = self._window.in_flight
        self._console.print(
            f"Interrupted: {num} requests are cut off"
            if is_last
            else f"Interrupted: no more is sent; {num} requests have {self._config.drain_s:g} s to "
            "end, Ctrl-C again cuts them off"
        )

    def _line(self) -> str:
        window = self._window
        return (
            f"{window.now_s:5.0f} s: sent {window.num_sent}, in flight {window.in_flight}, "
            f"errors {window.num_errors}; {window.sent_rps:.1f} rps, "
            f"p50 {_quantile(window.e2es_s(), 0.5)}, p99 {_quantile(window.e2es_s(), 0.99)}, "
            f"lateness at most {_duration(window.lateness_most_s)}"
        )

    def _table(self) -> Table:
        window, config = self._window, self._config
        table = Table.grid(padding=(0, 3))
        table.title = f"{config.protocol} {config.target}"
        done = min(window.now_s, config.duration_s)
        table.add_row(
            f"{done:.0f} of {config.duration_s:g} s", ProgressBar(config.duration_s, done, width=40)
        )
        asked = f" of {config.rate:g} asked" if config.rate else ""
        table.add_row("sent", f"{window.num_sent}, {window.sent_rps:.1f} a second{asked}")
        table.add_row("completed", f"{window.completed_rps:.1f} a second")
        table.add_row(
            "in flight", f"{window.in_flight}" + _if(window.waiting, "waiting to be sent")
        )
        table.add_row("output tokens", f"{window.tokens_per_s:.0f} a second")
        if config.protocol.is_stream:
            table.add_row("time to first token", _quantiles(window.ttfts_s()))
        table.add_row("end to end", _quantiles(window.e2es_s()))
        table.add_row("errors", _errors(window))
        table.add_row("lateness", f"at most {_duration(window.lateness_most_s)}")
        table.caption = (
            f"Rates and percentiles of the last {WINDOW_S:g} s. Ctrl-C ends the sending."
        )
        return table


def _errors(window: Window) -> str:
    kinds = [
        f"{num} {Outcome(outcome).name.lower()}"
        for outcome, num in sorted(window.outcomes.items())
        if outcome != Outcome.OK
    ]
    return ", ".join(kinds) or "none"


def _quantiles(values_s: Sequence[float]) -> str:
    shares = ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))
    return "  ".join(f"{name} {_quantile(values_s, share)}" for share, name in shares)


def _quantile(values_s: Sequence[float], share: float) -> str:
    if not values_s:
        return "-"
    return _duration(values_s[min(int(share * len(values_s)), len(values_s) - 1)])


def _duration(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _if(num: int, words: str) -> str:
    return f", {num} {words}" if num else ""
