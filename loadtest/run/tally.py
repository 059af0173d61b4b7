"""What one worker has seen since it last said so, and the errors of the whole run."""

from collections import Counter
from typing import Final

from loadtest.exchange import Exchange
from loadtest.record import NEVER, Outcome
from loadtest.run.messages import ErrorKind, Progress

# Of one Progress: enough for a live view, little enough for a pipe.
_MAX_LATENCIES: Final = 400
# Different errors kept apart, of all outcomes together.
_MAX_KINDS: Final = 50


class Tally:
    """Counts of exchanges as they are scheduled, sent and ended."""

    def __init__(self) -> None:
        self.errors: Counter[ErrorKind] = Counter()
        self.num_requests = 0
        self._progress = Progress()

    def take(self, in_flight: int, waiting: int) -> Progress:
        """Return what has happened since the last time."""
        progress, self._progress = self._progress, Progress()
        progress.in_flight, progress.waiting = in_flight, waiting
        return progress

    def schedule(self) -> None:
        self.num_requests += 1
        self._progress.num_scheduled += 1

    def send(self, exchange: Exchange) -> None:
        progress = self._progress
        progress.num_sent += 1
        progress.lateness_most = max(progress.lateness_most, exchange.started - exchange.scheduled)

    def end(self, exchange: Exchange) -> None:
        outcome = exchange.outcome
        assert outcome is not None
        progress = self._progress
        progress.outcomes[outcome] = progress.outcomes.get(outcome, 0) + 1
        if outcome is not Outcome.OK:
            self._count_error(ErrorKind(outcome, exchange.status, exchange.detail))
            return
        progress.output_tokens += max(exchange.usage.completion_tokens, 0)
        if len(progress.e2es) < _MAX_LATENCIES:
            progress.e2es.append(exchange.finished - exchange.scheduled)
            if exchange.wire.is_stream and exchange.first_chunk != NEVER:
                progress.ttfts.append(exchange.first_chunk - exchange.scheduled)

    def drop(self) -> None:
        """Count a request that was scheduled and never sent."""
        outcomes = self._progress.outcomes
        outcomes[Outcome.NOT_SENT] = outcomes.get(Outcome.NOT_SENT, 0) + 1

    def _count_error(self, kind: ErrorKind) -> None:
        if kind not in self.errors and len(self.errors) >= _MAX_KINDS:
            kind = ErrorKind(kind.outcome, kind.status, "others")
        self.errors[kind] += 1
