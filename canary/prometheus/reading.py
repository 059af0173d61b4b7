"""All that was asked for one interval, and what it says of each revision (pure)."""

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Final

from canary.metrics import ended_requests
from canary.prometheus.delta import Resets, base_of, events, resets_of
from canary.prometheus.selector import Selector
from canary.prometheus.series import Series, Unreadable
from canary.prometheus.targets import Key, Target, answering, live_targets, targets_of, why_partial
from canary.samples import Arm, Count
from canary.shares import Share

# A process that had begun so long before the first scrape of it has events of earlier intervals.
_UNSEEN_S: Final = 60.0
_LOOK_BACK_S: Final = 3600.0
# The scrape is itself under way at the predictor's REST port.
_OWN_REQUESTS: Final = 1


@dataclass(frozen=True)
class Reading:
    """Series with samples from before ``start`` to ``end``; those of counters end there."""

    label: str
    start: float
    end: float
    counters: Sequence[Series]
    process_starts: Sequence[Series]
    in_flight: Sequence[Series]
    ups: Sequence[Series]
    # Of the hour up to the start: 1 where a scrape succeeded, 0 where each one failed.
    ups_before: Sequence[Series]

    def arm(self, revision: str, shares: Sequence[Share]) -> Arm:
        """Return what one revision did, by its pods that answer, or be Unreadable."""
        live = answering(live_targets(self._targets, revision, self.end))
        scraped = [*live, *self._shared]
        ours = [s for s in self.counters if s.labels.get(self.label) == revision]
        for series in ours:
            self._check_base(series)
        requests = _matching(ours, ended_requests())
        if not _has_recent(requests, scraped):
            raise Unreadable(f"Prometheus has no {ended_requests()} of {revision}")
        counted = {share.key: self._count(share, ours, scraped) for share in shares}
        return Arm(
            self._events(requests),
            {key: count for key, count in counted.items() if count is not None},
            self._load(live),
            num_pods=len(live),
        )

    def lacks(self, revisions: Sequence[str]) -> str:
        """Return which pods do not answer; their events since count once they do."""
        found = (
            why_partial(live_targets(self._targets, revision, self.end), revision)
            for revision in revisions
        )
        return "; ".join(filter(None, found))

    @cached_property
    def _targets(self) -> list[Target]:
        return targets_of(self.ups, self.counters, self.label)

    @cached_property
    def _shared(self) -> list[Target]:
        has_some = any(not target.revision for target in self._targets)
        return live_targets(self._targets, "", self.end) if has_some else []

    @cached_property
    def _resets(self) -> Resets:
        return resets_of([*self.counters, *self.process_starts])

    def _events(self, series: Sequence[Series]) -> int:
        return events(series, self.start, self.end, self._resets)

    def _count(
        self, share: Share, ours: Sequence[Series], scraped: Sequence[Target]
    ) -> Count | None:
        """Return a share's events; None where the revision does not have its series."""
        totals = _matching(ours, share.total)
        if not _has_recent(totals, scraped):
            return None
        total = self._events(totals)
        if share.good is not None:
            good = _matching(ours, share.good)
            if _targets(good) != _targets(totals):
                return None
            bad = total - self._events(good)
        else:
            assert share.bad is not None, share
            found = _matching(ours, share.bad)
            # Another label of a counter that is there begins with its first event; a counter that
            # is nowhere may as well be misspelt.
            if not found and Selector.parse(share.bad).name != Selector.parse(share.total).name:
                return None
            bad = self._events(found)
        if not 0 <= bad <= total:
            raise Unreadable(
                f"{share.key} has {bad} bad of {total} events: its counters do not belong together"
            )
        return Count(bad, total)

    def _check_base(self, series: Series) -> None:
        """Refuse a first sample whose counter may have run before, unseen."""
        if base_of(series, self.start) is not None:
            return
        before = {up.target: up.values[-1] for up in self.ups_before}
        if before.get(series.target) == 1:
            # It was scraped without this one, which then had no event.
            return
        # A pod that refused scrapes so far was loading, unless it did so for the whole look back.
        limit_s = _LOOK_BACK_S if series.target in before else _UNSEEN_S
        began = [s.values[-1] for s in self.process_starts if s.target == series.target]
        if began and began[-1] < self.start - limit_s:
            raise Unreadable(
                f"{series} was scraped first after its process had run for "
                f"{series.times[0] - began[-1]:.0f} s: what of it is of this interval is unknown"
            )
        if not began and not before:
            raise Unreadable(
                f"Prometheus has no scrape at or before the interval's start, {self.start:.0f}"
            )

    def _load(self, live: Sequence[Target]) -> float | None:
        """Return the requests under way per pod, averaged over its scrapes and then the pods."""
        means = []
        for target in live:
            sums: dict[float, float] = {}
            for series in self.in_flight:
                if series.target == target.key:
                    for time, value in zip(series.times, series.values, strict=True):
                        if self.start < time <= self.end:
                            sums[time] = sums.get(time, 0.0) + value
            if sums:
                means.append(max(0.0, fmean(sums.values()) - _OWN_REQUESTS))
        return fmean(means) if means else None


def _matching(series: Sequence[Series], selector: str) -> list[Series]:
    parsed = Selector.parse(selector)
    return [each for each in series if parsed.matches(each.labels)]


def _targets(series: Sequence[Series]) -> AbstractSet[Key]:
    return {each.target for each in series}


def _has_recent(series: Sequence[Series], scraped: Sequence[Target]) -> bool:
    """Whether some target still shows one of these, in its last two scrapes."""
    since = {target.key: target.times[-2:][0] for target in scraped}
    return any(each.times[-1] >= since.get(each.target, math.inf) for each in series)
