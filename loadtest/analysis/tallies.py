"""Shares and rates of the measured window, kept over time so that their intervals are honest."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from loadtest.analysis.dependence import Batches, effective_count
from loadtest.analysis.distributions import Tally, Window, tally_of
from loadtest.analysis.gates import MeanFound
from loadtest.analysis.goodput import is_good
from loadtest.analysis.intervals import share_interval
from loadtest.analysis.metrics import Bools, Ints, Rows, is_of
from loadtest.objectives import ObjectiveSpec, Scalar
from loadtest.record import CUT_OFF, NEVER, Correctness, Outcome
from loadtest.report.schema import Answers, Interval, Rates

BROKEN: Final = (Outcome.TRUNCATED, Outcome.STREAM_ERROR, Outcome.RESET)
_RATES: Final = ("throughput", "goodput", "output_tokens", "prompt_tokens", "offered", "sent")


@dataclass(frozen=True, slots=True)
class Good:
    """What makes a request good."""

    objectives: Sequence[ObjectiveSpec]
    checks_answers: bool


class Tallies:
    """One pass over all records; those due before the window count only where they end in it."""

    def __init__(
        self,
        window: Window,
        good: Good,
        *,
        is_stream: bool,
        lateness_limit_s: float,
        most_good_effective: float = math.inf,
    ) -> None:
        """``most_good_effective`` limits how many independent requests goodput is known by."""
        self._window = window
        self._good = good
        self._is_stream = is_stream
        self._most_good_effective = most_good_effective
        self._limit_ns = round(lateness_limit_s * 1e9)
        self._shares = {
            scalar: Batches(window.begin, window.end) for scalar in Scalar if scalar.is_share
        }
        self._rates = {name: Batches(window.begin, window.end) for name in _RATES}
        self._num_with_usage = 0
        self.num_answered = 0
        self.num_late = 0
        self.num_taken_up = 0
        self.num_not_sent = 0

    def add(self, rows: Rows, gaps: Ints) -> None:
        is_ok = is_of(rows, Outcome.OK)
        good = is_good(rows, gaps, self._good.objectives, checks_answers=self._good.checks_answers)
        self._add_shares(rows, is_ok, good)
        self._add_rates(rows, is_ok, good)
        is_due = self._is_due(rows)
        is_taken_up = is_due & (rows["started"] != NEVER)
        late = rows["started"][is_taken_up] - rows["scheduled"][is_taken_up] > self._limit_ns
        self.num_answered += int((is_ok & is_due).sum())
        self.num_late += int(late.sum())
        self.num_taken_up += int(is_taken_up.sum())
        # A request that was never sent is no less so in the warm-up.
        self.num_not_sent += int(is_of(rows, Outcome.NOT_SENT).sum())

    def share(self, scalar: Scalar) -> Tally:
        found = tally_of(self._shares[scalar])
        if scalar is Scalar.GOODPUT_RATIO:
            return replace(found, effective=min(found.effective, self._most_good_effective))
        return found

    def share_interval(self, scalar: Scalar, confidence: float) -> Interval:
        tally = self.share(scalar)
        return share_interval(
            tally.num_hits, tally.count, confidence=confidence, effective_count=tally.effective
        )

    def rate(self, scalar: Scalar) -> MeanFound | None:
        """Return a rate a second with what its interval needs; None for a window of no length."""
        batches = self._rates[scalar.value]
        window_s = self._window.seconds
        if window_s <= 0:
            return None
        batch_s = window_s / batches.number
        number = int(batches.counts.sum())
        variance = float(np.var(batches.sums, ddof=1))
        effective = effective_count(batches.sums, np.ones(batches.number, np.int64), variance)
        total = float(batches.sums.sum())
        return MeanFound(
            value=total / window_s,
            std=float(np.sqrt(variance)) / batch_s,
            effective_count=effective.count,
            num_batches=effective.num_batches,
            num_samples=number,
            least_reach=max(total / number if number else 0.0, 1.0) / window_s,
        )

    def rates(self, confidence: float) -> Rates:
        has_usage = self._num_with_usage > 0
        return Rates(
            window_s=self._window.seconds,
            offered_rps=self._per_s("offered"),
            sent_rps=self._per_s("sent"),
            completed_rps=self._per_s("throughput"),
            prompt_tokens_per_s=self._per_s("prompt_tokens") if has_usage else None,
            output_tokens_per_s=self._per_s("output_tokens") if has_usage else None,
            error_rate=self.share_interval(Scalar.ERROR_RATE, confidence),
            truncated_rate=self.share_interval(Scalar.TRUNCATED_RATE, confidence),
            goodput_rps=self._per_s("goodput"),
            goodput_ratio=self.share_interval(Scalar.GOODPUT_RATIO, confidence),
        )

    def answers(self, confidence: float) -> Answers | None:
        """Return None where no answer could be checked."""
        tally = self.share(Scalar.ACCURACY)
        if tally.count == 0:
            return None
        return Answers(
            num_checked=tally.count,
            num_right=tally.num_hits,
            accuracy=self.share_interval(Scalar.ACCURACY, confidence),
        )

    def _add_shares(self, rows: Rows, is_ok: Bools, good: Bools) -> None:
        is_due = self._is_due(rows)
        is_ended = is_due & ~is_of(rows, *CUT_OFF)
        is_stream = is_ended & (rows["first_chunk"] != NEVER) & self._is_stream
        is_checked = is_due & is_ok & (rows["correctness"] != Correctness.UNCHECKED)
        is_right = rows["correctness"] == Correctness.RIGHT
        for scalar, population, hits in (
            (Scalar.ERROR_RATE, is_ended, ~is_ok),
            (Scalar.TRUNCATED_RATE, is_stream, is_of(rows, *BROKEN)),
            (Scalar.GOODPUT_RATIO, is_ended, good),
            (Scalar.ACCURACY, is_checked, is_right),
        ):
            at = rows["scheduled"][population]
            self._shares[scalar].add(at, hits[population])

    def _add_rates(self, rows: Rows, is_ok: Bools, good: Bools) -> None:
        has_usage = rows["completion_tokens"] != NEVER
        has_prompt = rows["prompt_tokens"] != NEVER
        self._num_with_usage += int(has_usage.sum())
        ones = np.ones(len(rows))
        for name, times, population, weights in (
            ("throughput", "finished", is_ok, ones),
            ("goodput", "finished", good, ones),
            ("output_tokens", "finished", has_usage, rows["completion_tokens"]),
            ("prompt_tokens", "finished", has_prompt, rows["prompt_tokens"]),
            ("offered", "scheduled", ones > 0, ones),
            ("sent", "sent", ones > 0, ones),
        ):
            # Half open: of n even gaps between n + 1 requests the last one begins another.
            is_within = (rows[times] >= self._window.begin) & (rows[times] < self._window.end)
            kept = population & is_within
            self._rates[name].add(rows[times][kept], weights[kept])

    def _is_due(self, rows: Rows) -> Bools:
        is_due: Bools = rows["scheduled"] >= self._window.begin
        return is_due

    def _per_s(self, name: str) -> float:
        window_s = self._window.seconds
        return float(self._rates[name].sums.sum()) / window_s if window_s > 0 else 0.0
