"""First look at a run: when it was, what came of its requests, and how many tokens they had."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.metrics import Rows, Stored, is_of
from loadtest.record import NEVER, FinishReason, Outcome
from loadtest.report.schema import Counts, Tokens


@dataclass(frozen=True, slots=True)
class Extent:
    """In ns of the run: when the first and the last request were due, and the last event."""

    first_due: int
    last_due: int
    end: int


def extent_of(stored: Stored) -> Extent:
    """Return the extent of a run; without records it is the first ns."""
    parts = [_extent_of_rows(rows) for rows, _ in stored.chunks()]
    if not parts:
        return Extent(0, 0, 0)
    return Extent(
        min(part.first_due for part in parts),
        max(part.last_due for part in parts),
        max(part.end for part in parts),
    )


def _extent_of_rows(rows: Rows) -> Extent:
    due = rows["scheduled"]
    end = max(int(rows[name].max()) for name in ("scheduled", "started", "finished"))
    return Extent(int(due.min()), int(due.max()), end)


class Totals:
    """Counts of the whole run."""

    def __init__(self) -> None:
        self._scheduled = 0
        self._sent = 0
        self._outcomes: Counter[int] = Counter()
        self._statuses: Counter[int] = Counter()
        self._finish_reasons: Counter[int] = Counter()
        self._tokens: Counter[str] = Counter()

    def add(self, rows: Rows) -> None:
        is_ok = is_of(rows, Outcome.OK)
        self._scheduled += len(rows)
        self._sent += int((rows["sent"] != NEVER).sum())
        self._outcomes += _counts(rows["outcome"])
        self._statuses += _counts(rows["status"][rows["status"] != NEVER])
        self._finish_reasons += _counts(rows["finish_reason"][is_ok])
        has_usage = rows["completion_tokens"] != NEVER
        self._tokens["without_usage"] += int((is_ok & ~has_usage).sum())
        for name in ("prompt", "completion", "reasoning"):
            column = rows[f"{name}_tokens"]
            self._tokens[name] += int(column[column != NEVER].sum(dtype=np.int64))
        self._check(rows)

    def counts(self) -> Counts:
        return Counts(
            scheduled=self._scheduled,
            sent=self._sent,
            outcomes={Outcome(k).name.lower(): n for k, n in sorted(self._outcomes.items())},
            statuses={str(k): n for k, n in sorted(self._statuses.items())},
            finish_reasons={
                FinishReason(k).name.lower(): n for k, n in sorted(self._finish_reasons.items())
            },
        )

    def tokens(self) -> Tokens:
        found = self._tokens
        return Tokens(
            prompt=found["prompt"],
            completion=found["completion"],
            reasoning=found["reasoning"],
            num_without_usage=found["without_usage"],
            num_checked=found["checked"],
            num_prompt_differs=found["prompt_differs"],
            num_output_differs=found["output_differs"],
            prompt_difference=found["prompt_difference"],
            output_difference=found["output_difference"],
        )

    def _check(self, rows: Rows) -> None:
        """Compare the local tokenizer's counts with the server's, where both are known."""
        is_checked = np.zeros(len(rows), np.bool_)
        for name, server in (("prompt", "prompt_tokens"), ("output", "completion_tokens")):
            local = f"local_{name}_tokens"
            has_both = (rows[local] != NEVER) & (rows[server] != NEVER)
            differences = rows[local][has_both].astype(np.int64) - rows[server][has_both]
            self._tokens[f"{name}_differs"] += int((differences != 0).sum())
            self._tokens[f"{name}_difference"] += int(differences.sum())
            is_checked |= has_both
        self._tokens["checked"] += int(is_checked.sum())


def _counts(column: NDArray[np.integer]) -> Counter[int]:
    values, counts = np.unique(column, return_counts=True)
    return Counter(dict(zip(values.tolist(), counts.tolist(), strict=True)))
