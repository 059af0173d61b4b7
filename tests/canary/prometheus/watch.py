"""Reads a pair again and again, from one start."""

from collections.abc import Callable
from typing import TypeVar

from canary.prometheus import PrometheusReader
from canary.samples import Gap, Interval, Sample
from canary.shares import Share
from tests.canary.prometheus.exposition import Pair
from tests.manifests.monitoring.prometheus import Prometheus

NAME = "gen_ai_server_time_to_first_token_seconds_bucket"
ERRORS = Share(
    "errors",
    "errors",
    total='r1_requests_total{outcome=~"ok|error"}',
    bad='r1_requests_total{outcome="error"}',
)
SLOW = Share("ttft>0.5s", "ttft", total=f'{NAME}{{le="+Inf"}}', good=f'{NAME}{{le="0.5"}}')
FINISH = Share("finish=length", "finish_reasons", "ends_total", bad='ends_total{reason="length"}')
SHARES = (ERRORS, SLOW, FINISH)
Read = TypeVar("Read")


def read_until(
    prometheus: Prometheus, read: Callable[[], Read], is_so: Callable[[Read], bool]
) -> Read:
    """Return the first reading of which it is so, within a minute.

    On a busy machine a scrape may time out, and all that Prometheus says for a moment is that.
    """
    found: list[Read] = []

    def next_is_so() -> bool:
        found.append(read())
        return is_so(found[-1])

    prometheus.wait_for(next_is_so)
    return found[-1]


def is_interval(sample: Sample) -> bool:
    return isinstance(sample, Interval)


def scraped_after(prometheus: Prometheus, time: float) -> dict[str, float]:
    """Return when each revision's pod was scraped for the second time, with success, after a time.

    What a pod does not show any more is missing once it has not shown it twice.
    """
    return {
        series["metric"]["revision"]: times[1]
        for series in prometheus.query("up[5m]")
        if len(times := [at for at, value in series["values"] if at > time and value == "1"]) > 1
    }


class Watch:
    """``start`` is the time base of the first reading."""

    def __init__(self, prometheus: Prometheus, reader: PrometheusReader, pair: Pair) -> None:
        self._prometheus, self._reader = prometheus, reader
        self._names = (pair.canary.revision, pair.stable.revision)
        base = read_until(prometheus, lambda: self.read(None), is_interval)
        assert isinstance(base, Interval)
        self.start = base.end

    def read(self, start: float | None) -> Sample:
        return self._reader.read(SHARES, *self._names, start, self._reader.now())

    def until(self, is_so: Callable[[Sample], bool]) -> Sample:
        """Return the first sample of which it is so, within a minute."""
        return read_until(self._prometheus, lambda: self.read(self.start), is_so)

    def until_after(self, time: float) -> Sample:
        """Return the first sample that ends after a time."""
        return self.until(lambda sample: (sample.end or 0) > time)

    def until_canary(self, num_requests: int) -> Interval:
        sample = self.until(
            lambda it: isinstance(it, Interval) and it.canary.num_requests == num_requests
        )
        assert isinstance(sample, Interval)
        return sample

    def until_gap(self, words: str) -> Gap:
        sample = self.until(lambda it: isinstance(it, Gap) and words in it.reason)
        assert isinstance(sample, Gap)
        return sample
