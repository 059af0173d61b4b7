"""Reads a pair again and again, from one start."""

from collections.abc import Callable

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


class Watch:
    """``start`` is the time base of the first reading."""

    def __init__(self, prometheus: Prometheus, reader: PrometheusReader, pair: Pair) -> None:
        self._prometheus, self._reader = prometheus, reader
        self._names = (pair.canary.revision, pair.stable.revision)
        base = self.read(None)
        assert isinstance(base, Interval), base
        self.start = base.end

    def read(self, start: float | None) -> Sample:
        return self._reader.read(SHARES, *self._names, start, self._reader.now())

    def until(self, is_so: Callable[[Sample], bool]) -> Sample:
        """Return the first sample of which it is so, within a minute."""
        samples: list[Sample] = []

        def next_is_so() -> bool:
            samples.append(self.read(self.start))
            return is_so(samples[-1])

        self._prometheus.wait_for(next_is_so)
        return samples[-1]

    def until_after(self, *, s: float) -> Sample:
        """Return the first sample that ends so much later than it starts."""
        return self.until(lambda sample: (sample.end or 0) > self.start + s)

    def until_canary(self, num_requests: int) -> Interval:
        sample = self.until(
            lambda it: isinstance(it, Interval) and it.canary.num_requests == num_requests
        )
        assert isinstance(sample, Interval)
        return sample

    def until_gap(self) -> Gap:
        sample = self.until(lambda it: isinstance(it, Gap) and "up is" in it.reason)
        assert isinstance(sample, Gap)
        return sample
