"""One interval of two revisions, or the reason why nothing can be said of it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from canary.errors import Unreachable
from canary.metrics import BUILD_INFO, IN_FLIGHT, ended_requests
from canary.plan import Prometheus
from canary.prometheus import preflight
from canary.prometheus.api import Api, NotAnswering
from canary.prometheus.delta import PROCESS_START, events, resets_of
from canary.prometheus.reading import Reading
from canary.prometheus.selector import Matcher, Selector, union
from canary.prometheus.series import NotYet, Series, Unreadable
from canary.samples import Arm, Count, Gap, Interval, Sample
from canary.shares import Share

# Beyond the interval, for the last scrape before it; what is older still is asked for apart.
_BEFORE_S: Final = 120.0
_LONG_BEFORE: Final = "1h"
_LATELY: Final = "10m"
SCRAPE_DURATION: Final = "scrape_duration_seconds"


class PrometheusReader:
    """Reads raw counters of one Prometheus; its only clock is Prometheus'."""

    def __init__(self, settings: Prometheus) -> None:
        self._label = settings.revision_label
        self._matchers = settings.matchers.strip().strip(",")
        self._api = Api(settings)

    def close(self) -> None:
        self._api.close()

    def now(self) -> float:
        """Return Prometheus' own Unix time; Unreachable where it does not tell it."""
        return self._api.now()

    def read(
        self,
        shares: Sequence[Share],
        canary_revision: str,
        stable_revision: str,
        start: float | None,
        end: float,
    ) -> Sample:
        """Return what both revisions did after ``start``; a Gap says why nothing is known.

        The interval ends a little before ``end``, where every scrape is certain to be stored:
        read the next one from there. Without a start it is empty, and where the first one begins.
        A Gap that passes, such as a revision of which no pod answers, ends at ``start``: the next
        reading begins there again, so that no event is lost. Any other ends at ``end``. Where some
        pods answer, the interval says what they tell, and which do not.
        """
        try:
            revisions = (canary_revision, stable_revision)
            return self._read(shares, revisions, start, end)
        except NotYet as error:
            begun = end if start is None else start
            return Gap(begun, begun, str(error))
        except Unreadable as error:
            return Gap(end if start is None else start, end, str(error))

    def check(self, shares: Sequence[Share], revision: str, *, interval_s: float) -> list[str]:
        """Return what Prometheus lacks for judging, a line each; Unreachable without one."""
        try:
            ups = self._api.query(f"{self._expression('up', (), (revision,))}[{_LATELY}]")
            return preflight.check(self._last, ups, shares, revision, self._label, interval_s)
        except NotAnswering as error:
            raise Unreachable(str(error)) from None
        except Unreadable as error:
            return [str(error)]

    def rate(self, revisions: Sequence[str], window_s: float) -> float | None:
        """Return the revisions' requests per second lately, by their counters; None if unknown."""
        try:
            end = self.now()
            selector = Selector.parse(ended_requests())
            series = self._raw([selector], tuple(revisions), window_s, end)
            span_s = max((s.times[-1] - s.times[0] for s in series), default=0.0)
            if span_s <= 0:
                return None
            resets = resets_of(series)
            return sum(events([s], s.times[0], end, resets) for s in series) / span_s
        except NotAnswering as error:
            raise Unreachable(str(error)) from None
        except Unreadable:
            return None

    def past(
        self, shares: Sequence[Share], revision: str, window_s: float
    ) -> tuple[int, Mapping[str, Count]]:
        """Return a revision's requests lately and its counts by Share.key, as far as known."""
        try:
            end = self.now()
            reading = self._reading(shares, (revision,), end - window_s, end, window_s, end)
            arm = reading.arm(revision, shares)
            return arm.num_requests, arm.counts
        except NotAnswering as error:
            raise Unreachable(str(error)) from None
        except Unreadable:
            return 0, {}

    def defaults_digest(self, revisions: Sequence[str]) -> dict[str, str]:
        """Return the digests of the generation defaults in force, by revision.

        Several, of pods that do not agree, come sorted with commas between; a revision that shows
        none is left out.
        """
        try:
            found = self._api.query(self._expression(BUILD_INFO, (), revisions))
        except Unreadable as error:
            raise Unreachable(str(error)) from None
        digests: dict[str, set[str]] = {}
        for series in found:
            revision = series.labels.get(self._label, "")
            digests.setdefault(revision, set()).add(series.labels.get("defaults_digest", ""))
        return {revision: ",".join(sorted(each)) for revision, each in digests.items()}

    def _read(
        self, shares: Sequence[Share], revisions: tuple[str, str], start: float | None, end: float
    ) -> Sample:
        window_s = end - (end if start is None else start) + _BEFORE_S
        settled = end - self._settling_s(revisions, window_s, end)
        if start is None:
            return Interval(settled, settled, Arm(0, {}, None), Arm(0, {}, None))
        if settled <= start:
            raise NotYet(
                f"{end - start:.1f} s have passed since the last interval, of which the last "
                f"{end - settled:.1f} s may not be stored yet"
            )
        reading = self._reading(shares, revisions, start, settled, window_s, end)
        canary, stable = (reading.arm(revision, shares) for revision in revisions)
        return Interval(start, settled, canary, stable, reading.lacks(revisions))

    def _reading(
        self,
        shares: Sequence[Share],
        revisions: Sequence[str],
        start: float,
        settled: float,
        window_s: float,
        end: float,
    ) -> Reading:
        counters: list[Series] = []
        starts = self._raw([Selector(PROCESS_START)], revisions, window_s, end)
        for name, selectors in _by_name(shares).items():
            found = self._raw(selectors, revisions, window_s, end)
            unknown = any(series.times[0] > start for series in found)
            old = self._old(name, selectors, revisions, start) if unknown else {}
            counters += [_with_base(series, old, start) for series in found]
        window = f"{round(window_s * 1000)}ms"
        up = [self._expression("up", (), revisions)]
        ups = self._api.query(f"{up[0]}[{window}]", end)
        others = {series.target for series in counters} - {series.target for series in ups}
        if others:
            up.append(self._shared_up(others))
            ups += self._api.query(f"{up[1]}[{window}]", end)
        before = [self._api.query(f"max_over_time({each}[{_LONG_BEFORE}])", start) for each in up]
        return Reading(
            label=self._label,
            start=start,
            end=settled,
            counters=_until(counters, settled),
            process_starts=starts,
            in_flight=self._raw([Selector(IN_FLIGHT)], revisions, window_s, end),
            ups=_until(ups, settled),
            ups_before=[series for found in before for series in found],
        )

    def _shared_up(self, targets: Collection[tuple[str, str]]) -> str:
        """Return the selector of ``up`` of what serves every revision, such as a gateway."""
        selectors = [
            Selector("up", (Matcher("job", "=", job), Matcher("instance", "=", instance)))
            for job, instance in sorted(targets)
        ]
        matchers = (*union(selectors), Matcher(self._label, "=", ""))
        return f"up{{{','.join(map(str, matchers))}}}"

    def _settling_s(self, revisions: Sequence[str], window_s: float, end: float) -> float:
        """Return how long a scrape may take from its sample's time until it is stored."""
        durations = self._raw([Selector(SCRAPE_DURATION)], revisions, window_s, end)
        longest_s = max((value for series in durations for value in series.values), default=0.0)
        return 0.5 + 1.5 * longest_s

    def _old(
        self, name: str, selectors: Sequence[Selector], revisions: Sequence[str], start: float
    ) -> dict[frozenset[tuple[str, str]], float]:
        """Return the last values before the start of what was not scraped for a while."""
        selector = self._expression(name, union(selectors), revisions)
        found = self._api.query(f"last_over_time({selector}[{_LONG_BEFORE}])", start)
        return {frozenset(series.labels.items()): series.values[-1] for series in found}

    def _raw(
        self, selectors: Sequence[Selector], revisions: Sequence[str], window_s: float, end: float
    ) -> list[Series]:
        """Return raw samples of one metric; PromQL's durations are whole milliseconds."""
        selector = self._expression(selectors[0].name, union(selectors), revisions)
        return self._api.query(f"{selector}[{round(window_s * 1000)}ms]", end)

    def _last(self, name: str, revision: str | None) -> list[Series]:
        """Return the last samples of one metric, of one revision or of all."""
        selector = self._expression(name, (), () if revision is None else (revision,))
        return self._api.query(f"last_over_time({selector}[{_LATELY}])")

    def _expression(self, name: str, matchers: Sequence[Matcher], revisions: Sequence[str]) -> str:
        parts = [str(matcher) for matcher in matchers]
        if revisions:
            parts.append(str(Matcher(self._label, "=~", "|".join(revisions))))
        if self._matchers:
            parts.append(self._matchers)
        return f"{name}{{{','.join(parts)}}}"


def _by_name(shares: Sequence[Share]) -> Mapping[str, list[Selector]]:
    texts = [ended_requests()]
    for share in shares:
        texts += [text for text in (share.total, share.bad, share.good) if text is not None]
    selectors: dict[str, list[Selector]] = {}
    for text in dict.fromkeys(texts):
        selector = Selector.parse(text)
        selectors.setdefault(selector.name, []).append(selector)
    return selectors


def _with_base(
    series: Series, old: Mapping[frozenset[tuple[str, str]], float], start: float
) -> Series:
    base = old.get(frozenset(series.labels.items()))
    if series.times[0] <= start or base is None:
        return series
    return Series(series.labels, (start, *series.times), (base, *series.values))


def _until(series: Sequence[Series], end: float) -> list[Series]:
    return [each.until(end) for each in series if each.times[0] <= end]
