"""The paired test: what it lets pass, and how often it is wrong."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary.gate.compare import Comparison, fewest_pairs

MARGIN = 0.05
NUM_RUNS = 120
NUM_PAIRS = 200


def test_pairs_without_a_difference_prove_it_within_the_margin() -> None:
    seen = after([0] * 85)
    assert seen.e_pass >= 20
    assert after([0] * 84).e_pass < 20
    assert seen.e_fail < 1


def test_a_canary_that_is_always_wrong_is_proven_worse_in_few_pairs() -> None:
    assert after([-1] * 10).e_fail >= 100


def test_one_wrong_answer_is_no_proof() -> None:
    assert after([-1]).e_fail < 10


@pytest.mark.parametrize(
    ("margin", "fewest"), [pytest.param(0.01, 430, id="1 %"), pytest.param(0.1, 41, id="10 %")]
)
def test_the_fewest_pairs_that_can_pass_follow_from_the_margin(margin: float, fewest: int) -> None:
    assert fewest_pairs(margin, 0.05) == fewest


def test_a_canary_worse_by_the_margin_passes_at_most_as_often_as_allowed() -> None:
    passed = sum(ends(run, canary=0.90, stable=0.95)[0] for run in range(NUM_RUNS))
    # 5 % of 120 and three standard deviations of that.
    assert passed <= 6 + 7


def test_an_equal_canary_is_failed_at_most_as_often_as_allowed() -> None:
    failed = sum(ends(run, canary=0.95, stable=0.95)[1] for run in range(NUM_RUNS))
    assert failed <= 1 + 3


def test_a_canary_that_is_right_half_as_often_is_failed_in_most_runs() -> None:
    failed = sum(ends(run, canary=0.5, stable=0.95)[1] for run in range(NUM_RUNS))
    assert failed >= 0.99 * NUM_RUNS


@settings(max_examples=50)
@given(st.lists(st.sampled_from([-1, 0, 1]), max_size=60), st.floats(0.01, 0.9))
def test_wealth_is_never_negative_and_the_next_bet_is_fair_at_the_margin(
    differences: list[int], margin: float
) -> None:
    seen = Comparison(margin)
    for difference in differences:
        seen = seen.observe(difference)
    # At the margin: -1 with probability m, 0 otherwise.
    expected = margin * seen.observe(-1).e_pass + (1 - margin) * seen.observe(0).e_pass
    assert seen.e_pass >= 0
    assert expected == pytest.approx(seen.e_pass)


def after(differences: list[int]) -> Comparison:
    seen = Comparison(MARGIN)
    for difference in differences:
        seen = seen.observe(difference)
    return seen


def ends(run: int, *, canary: float, stable: float) -> tuple[bool, bool]:
    """Return whether a run of independent answers ever passes, and whether it ever fails."""
    rng = random.Random(run)
    seen, passes, fails = Comparison(MARGIN), False, False
    for _ in range(NUM_PAIRS):
        seen = seen.observe((rng.random() < canary) - (rng.random() < stable))
        passes, fails = passes or seen.e_pass >= 20, fails or seen.e_fail >= 100
    return passes, fails
