"""The last seconds of a run, as the live view shows them."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

from loadtest.record import Outcome
from loadtest.run.messages import Progress

WINDOW_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Seen:
    at_s: float
    progress: Progress


@dataclass(slots=True)
class Window:
    """Totals of the run, and what came in during the last ``WINDOW_S``."""

    now_s: float = 0.0
    num_scheduled: int = 0
    num_sent: int = 0
    output_tokens: int = 0
    outcomes: Counter[int] = field(default_factory=Counter)
    _in_flight: dict[int, tuple[int, int]] = field(default_factory=dict)
    _seen: deque[_Seen] = field(default_factory=deque)

    def take(self, now_s: float, worker: int, progress: Progress | None) -> None:
        self.now_s = now_s
        while self._seen and self._seen[0].at_s < now_s - WINDOW_S:
            self._seen.popleft()
        if progress is None:
            return
        self._seen.append(_Seen(now_s, progress))
        self.num_scheduled += progress.num_scheduled
        self.num_sent += progress.num_sent
        self.output_tokens += progress.output_tokens
        self.outcomes.update(progress.outcomes)
        self._in_flight[worker] = (progress.in_flight, progress.waiting)

    @property
    def in_flight(self) -> int:
        return sum(in_flight for in_flight, _ in self._in_flight.values())

    @property
    def waiting(self) -> int:
        return sum(waiting for _, waiting in self._in_flight.values())

    @property
    def num_errors(self) -> int:
        fine = (Outcome.OK, Outcome.NOT_SENT, Outcome.UNFINISHED)
        return sum(num for outcome, num in self.outcomes.items() if outcome not in fine)

    @property
    def sent_rps(self) -> float:
        return self._rate(sum(seen.progress.num_sent for seen in self._seen))

    @property
    def completed_rps(self) -> float:
        return self._rate(sum(sum(seen.progress.outcomes.values()) for seen in self._seen))

    @property
    def tokens_per_s(self) -> float:
        return self._rate(sum(seen.progress.output_tokens for seen in self._seen))

    @property
    def lateness_most_s(self) -> float:
        return max((seen.progress.lateness_most for seen in self._seen), default=0) / 1e9

    def ttfts_s(self) -> list[float]:
        return sorted(ns / 1e9 for seen in self._seen for ns in seen.progress.ttfts)

    def e2es_s(self) -> list[float]:
        return sorted(ns / 1e9 for seen in self._seen for ns in seen.progress.e2es)

    def _rate(self, num: int) -> float:
        return num / max(min(self.now_s, WINDOW_S), 0.25)
