import numpy as np
import pytest

from canary.plan import Step
from tests.canary.power.table import broken_wholes
from tests.canary.power.whole import (
    PLAN,
    TOKENS,
    WHOLE_ROWS,
    Ended,
    Rollout,
    WholeMeasured,
    WholeRow,
    measure_whole,
    percents,
    roll_out,
    shares_above,
)

BRIEF = PLAN.model_copy(
    update={
        "steps": (Step(percent=50, min_duration=300.0),),
        "bake": Step(percent=95, min_duration=60.0, min_requests=10),
    }
)


def test_the_longest_of_an_answers_gaps_is_as_often_slow_as_any_of_them():
    of_gaps = shares_above("inter_token", (0.05,), 1.0)
    assert shares_above("longest_gap", (0.05,), 1.0) == pytest.approx(1 - (1 - of_gaps) ** TOKENS)
    assert shares_above("longest_gap", (0.05,), 2.0)[0] > 0.9


def test_a_stage_lasts_as_long_as_its_least_requests_take():
    stages = percents(Rollout(0.2, bears_minutes=1.0), BRIEF)
    assert (stages.count(50), stages.count(95)) == (1000 // 30 + 1, 2 + 2)


def test_an_equal_canary_of_much_traffic_is_promoted_and_not_rolled_back():
    ended = roll_out(Rollout(60.0, bears_minutes=5.0), 3, 1, BRIEF)
    assert np.isfinite(ended.promoted).all()
    assert np.isinf(ended.rolled_back).all()


def test_a_canary_of_twice_the_times_is_rolled_back_though_it_has_twice_as_much_under_way():
    ended = roll_out(Rollout(60.0, 2.0, bears_minutes=5.0), 3, 1, BRIEF)
    assert np.isfinite(ended.rolled_back).all()
    assert np.isinf(ended.promoted).all()


def test_what_is_not_proven_in_time_is_named():
    ended = roll_out(Rollout(2.0, bears_minutes=1.0), 3, 1, BRIEF)
    assert ended.held["ttft>0.3s"] == 3


@pytest.mark.parametrize(
    ("minutes", "lines"),
    [
        pytest.param([30.0, np.inf], ["equal: {'errors': 1}"], id="half"),
        pytest.param([30.0, 32.0], [], id="all"),
    ],
)
def test_a_whole_rollout_that_breaks_its_bound_is_named_with_what_held_it(minutes, lines):
    held = {"errors": int(np.isinf(minutes).sum())}
    ended = Ended(np.array(minutes), np.full(2, np.inf), held)
    row = WholeRow("equal", Rollout(20.0), min_promoted=0.95)
    assert broken_wholes([WholeMeasured(row, 2, ended)]) == lines


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("row", WHOLE_ROWS, ids=[row.name for row in WHOLE_ROWS])
def test_a_whole_rollout_keeps_its_bounds(row):
    assert not measure_whole(row, 100, 20261121).is_broken
