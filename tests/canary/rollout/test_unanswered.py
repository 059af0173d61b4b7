"""Intervals in which requests end and nothing speaks for the canary."""

from dataclasses import dataclass, field, replace

import pytest

from canary.rollout.seen import Reading
from canary.rollout.state import Phase
from canary.samples import Count, Interval
from tests.canary.rollout.bench import Bench


@dataclass
class Watched(Bench):
    """A bench whose canary answers so many requests in each interval, by pods that lack."""

    answered: int = 9
    lacks: str = field(default="", kw_only=True)

    def _read(self, start: float | None) -> Reading:
        reading = super()._read(start)
        sample = reading.sample
        if not isinstance(sample, Interval):
            return reading
        canary = replace(sample.canary, counts={"errors": Count(0, self.answered)})
        return replace(reading, sample=replace(sample, canary=canary, lacks=self.lacks))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        pytest.param({"answered": 0}, "their clients gave up, or were refused", id="hangs"),
        pytest.param({"lacks": "1 of 2 pods do not answer"}, "1 of 2 pods do not", id="pod-down"),
    ],
)
def test_a_stage_is_not_left_and_patience_ends(changes, why):
    bench = Watched(**changes)
    bench.go(300)
    assert bench.rollout.wanted.percent == 5
    bench.go(1500)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert why in bench.rollout.reason


def test_an_answering_canary_goes_on():
    bench = Watched()
    bench.go(600)
    assert bench.rollout.phase is Phase.PROMOTED
