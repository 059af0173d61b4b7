"""What rolls back at once, whatever the evidence says."""

import pytest

from canary.judgement.judge import flood
from canary.samples import Arm, Count, Gap, Interval
from tests.canary.judgement.intervals import arm


def interval(canary, stable):
    return Interval(0.0, 30.0, arm(*canary[:1], errors=canary[1]), arm(stable[0], errors=stable[1]))


@pytest.mark.parametrize(
    ("canary", "stable", "is_flood"),
    [
        pytest.param((20, 10), (400, 0), True, id="half-of-twenty"),
        pytest.param((19, 19), (400, 0), False, id="too-few"),
        pytest.param((100, 49), (400, 0), False, id="less-than-half"),
        pytest.param((100, 60), (400, 120), False, id="both-fail"),
        pytest.param((100, 60), (400, 119), True, id="both-fail-the-canary-much-more"),
        pytest.param((100, 60), (0, 0), True, id="no-stable-traffic"),
        pytest.param((0, 0), (0, 0), False, id="nothing"),
    ],
)
def test_a_flood_of_errors_is_told_at_once(canary, stable, is_flood):
    assert (flood(interval(canary, stable)) is not None) is is_flood


def test_a_flood_is_told_with_its_numbers():
    assert flood(interval((40, 30), (400, 1))) == (
        "errors: 30 of 40 requests of the canary failed in one interval, "
        "1 of 400 of the stable revision"
    )


def test_a_canary_whose_clients_give_up_is_a_flood():
    hanging = Arm(40, {"errors": Count(0, 0), "cancelled": Count(40, 40)}, 9.0)
    well = Arm(400, {"errors": Count(0, 396), "cancelled": Count(4, 400)}, 2.0)
    assert flood(Interval(0.0, 30.0, hanging, well)) == (
        "cancelled: 40 of 40 requests of the canary were given up by their clients in one "
        "interval, 4 of 400 of the stable revision"
    )


def test_a_gap_is_no_flood():
    assert flood(Gap(0.0, 30.0, "no data")) is None
