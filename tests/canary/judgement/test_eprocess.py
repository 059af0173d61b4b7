import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, nchypergeom_fisher

from canary.judgement import eprocess
from canary.judgement.criteria import (
    RARE,
    Claim,
    Criteria,
    gather,
    is_proven,
    log_proof,
    log_ratios,
    log_worse,
)
from canary.judgement.eprocess import GRID, MAX_EVENTS, MAX_LOG_FACTOR, Tables

EVERY = Criteria(
    tolerance=1.2,
    margin=2.0,
    rare=0.01,
    worse=(Claim.MORE, Claim.FEWER, Claim.ABOVE_CAP),
    proofs=(
        (Claim.NOT_MORE, Claim.CANARY_RARE, Claim.STABLE_COMMON),
        (Claim.NOT_FEWER, Claim.STABLE_RARE, Claim.CANARY_COMMON),
    ),
)
MARGINS = [
    pytest.param((30, 570, 2), id="rare"),
    pytest.param((12, 240, 120), id="small-arm"),
    pytest.param((90, 90, 40), id="even"),
    pytest.param((40, 30, 60), id="nearly-all-bad"),
    pytest.param((120, 180, 150), id="large"),
]


def tables_of(canary_bad, canary_total, stable_bad, stable_total):
    counts = (canary_bad, canary_total, stable_bad, stable_total)
    return Tables(*np.broadcast_arrays(*(np.asarray(count, dtype=np.int64) for count in counts)))


def every_table(margins):
    canary, stable, all_bad = margins
    bad = np.arange(max(0, all_bad - stable), min(canary, all_bad) + 1)
    return bad, tables_of(bad, canary, all_bad - bad, stable)


def mean_of(log_chance, logs):
    return np.exp(log_chance[:, None] + logs).sum(axis=0)


@pytest.mark.parametrize("margins", MARGINS)
@pytest.mark.parametrize(
    ("claim", "boundary", "odds"),
    [
        pytest.param(Claim.MORE, 1.2, 1.2 * GRID, id="more"),
        pytest.param(Claim.FEWER, 1 / 1.2, 1 / (1.2 * GRID), id="fewer"),
        pytest.param(Claim.NOT_MORE, 2.0, 2.0 / GRID, id="not-more"),
        pytest.param(Claim.NOT_FEWER, 0.5, GRID / 2.0, id="not-fewer"),
    ],
)
def test_ratios_are_those_of_fishers_noncentral_hypergeometric(margins, claim, boundary, odds):
    canary, stable, all_bad = margins
    bad, tables = every_table(margins)
    law = nchypergeom_fisher(canary + stable, all_bad, canary, boundary)
    expected = [
        nchypergeom_fisher(canary + stable, all_bad, canary, alternative).logpmf(bad)
        - law.logpmf(bad)
        for alternative in odds
    ]
    likely = law.pmf(bad) > 1e-12
    ratios = log_ratios(claim, tables, EVERY)
    np.testing.assert_allclose(ratios[likely], np.transpose(expected)[likely], atol=1e-7)


@pytest.mark.parametrize("margins", MARGINS)
@pytest.mark.parametrize(
    ("claim", "true_odds"),
    [
        pytest.param(Claim.MORE, 1.2, id="more-at-the-tolerance"),
        pytest.param(Claim.MORE, 1.0, id="more-equal"),
        pytest.param(Claim.MORE, 0.3, id="more-better"),
        pytest.param(Claim.FEWER, 1 / 1.2, id="fewer-at-the-tolerance"),
        pytest.param(Claim.FEWER, 1.0, id="fewer-equal"),
        pytest.param(Claim.NOT_MORE, 2.0, id="not-more-at-the-margin"),
        pytest.param(Claim.NOT_MORE, 9.0, id="not-more-beyond"),
        pytest.param(Claim.NOT_FEWER, 0.5, id="not-fewer-at-the-margin"),
        pytest.param(Claim.NOT_FEWER, 0.1, id="not-fewer-beyond"),
    ],
)
def test_a_factor_has_a_mean_of_at_most_1_where_its_hypothesis_holds(margins, claim, true_odds):
    canary, stable, all_bad = margins
    bad, tables = every_table(margins)
    chance = nchypergeom_fisher(canary + stable, all_bad, canary, true_odds).logpmf(bad)
    logs = log_ratios(claim, tables, EVERY)
    assert (mean_of(chance, logs) <= 1 + 1e-7).all()
    assert (mean_of(chance, np.minimum(logs, MAX_LOG_FACTOR)) <= 1 + 1e-7).all()


@pytest.mark.parametrize(
    ("claim", "true_share"),
    [
        pytest.param(Claim.ABOVE_CAP, 0.01, id="at-the-cap"),
        pytest.param(Claim.ABOVE_CAP, 0.001, id="below-the-cap"),
        pytest.param(Claim.CANARY_RARE, 0.01, id="rare-at-the-bound"),
        pytest.param(Claim.CANARY_RARE, 0.3, id="not-rare"),
        pytest.param(Claim.CANARY_COMMON, 1 - RARE, id="common-at-the-bound"),
        pytest.param(Claim.CANARY_COMMON, 0.5, id="not-common"),
    ],
)
def test_a_factor_of_one_arm_has_a_mean_of_at_most_1(claim, true_share):
    bad = np.arange(401)
    chance = binom(400, true_share).logpmf(bad)
    logs = log_ratios(claim, tables_of(bad, 400, 0, 1), EVERY)
    assert (mean_of(chance, logs) <= 1 + 1e-9).all()


def test_factors_that_say_nothing_leave_the_e_value_at_1_however_long():
    wealth = None
    for before in range(500):
        wealth = eprocess.accumulate(wealth, np.zeros(GRID.size), np.array(before))
    assert eprocess.log_mean(wealth, np.array(500)) == pytest.approx(0.0, abs=1e-9)


def test_forgetting_only_lowers_the_e_value():
    kept, forgotten = None, None
    for before in range(50):
        kept = eprocess.accumulate(kept, np.full(3, 0.1), np.array(before))
        forgotten = eprocess.accumulate(forgotten, np.full(3, 0.1), np.array(before), kept=0.9)
    assert (forgotten < kept).all()


def test_the_mixture_is_of_products_and_not_a_product_of_mixtures():
    wealth = eprocess.accumulate(None, np.array([2.0, -2.0]), np.array(0))
    wealth = eprocess.accumulate(wealth, np.array([2.0, -2.0]), np.array(1))
    first, second = 1 / 2, 1 / 2 - 1 / (1 + math.log2(3))
    rest = 1 - first - second
    expected = np.mean([first * math.exp(2 * x) + second * math.exp(x) for x in (2.0, -2.0)]) + rest
    assert eprocess.log_mean(wealth, np.array(2)) == pytest.approx(math.log(expected))


def test_scaled_counts_keep_their_share():
    bad, total = eprocess.scaled(np.array(5000), np.array(100 * MAX_EVENTS))
    assert (int(bad), int(total)) == (50, MAX_EVENTS)


def test_few_counts_are_not_scaled():
    bad, total = eprocess.scaled(np.array(3), np.array(40))
    assert (int(bad), int(total)) == (3, 40)


@pytest.mark.parametrize("claim", [Claim.MORE, Claim.NOT_MORE, Claim.ABOVE_CAP])
def test_events_that_are_alike_in_groups_of_20_count_as_one_a_group(claim):
    fine = gather({}, np.array(0), tables_of(6, 60, 90, 2400), EVERY, false_promotion=0.05)
    alike = gather(
        {},
        np.array(0),
        tables_of(120, 1200, 1800, 48_000),
        EVERY,
        power=np.array(1 / 20),
        false_promotion=0.05,
    )
    np.testing.assert_allclose(alike[claim], fine[claim], rtol=0.1, atol=0.03)


def capped(canary_bad, stable_bad):
    tables = tables_of(canary_bad, 100, stable_bad, 1000)
    return log_ratios(Claim.ABOVE_CAP, tables, EVERY).max()


@pytest.mark.parametrize(
    ("canary_bad", "stable_bad", "speaks_against"),
    [
        pytest.param(10, 0, True, id="the-canary-alone"),
        pytest.param(11, 49, True, id="less-than-half"),
        pytest.param(11, 50, False, id="half"),
        pytest.param(0, 0, False, id="none"),
    ],
)
def test_what_the_stable_revision_fails_half_as_often_is_no_evidence_of_a_cap(
    canary_bad, stable_bad, speaks_against
):
    assert bool(capped(canary_bad, stable_bad) > 0) is speaks_against


def test_evidence_for_rolling_back_never_grows_beyond_a_finite_number():
    wealth = dict.fromkeys(Claim, np.full(GRID.size, 1000.0))
    tables = tables_of(30, 300, 0, 300)
    after = gather(wealth, np.array(9), tables, EVERY, false_promotion=0.05)
    assert math.exp(log_worse(after, np.array(10), EVERY)) < 1e20


def latched(before, tables, number):
    wealth = {}
    for index in range(number):
        wealth = gather(wealth, np.array(index), tables, EVERY, false_promotion=0.05)
    return bool(is_proven(np.array(before), wealth, np.array(number), EVERY, 0.05))


@pytest.mark.parametrize(
    ("before", "tables", "number", "expected"),
    [
        pytest.param(False, tables_of(30, 300, 30, 300), 1, False, id="not-yet"),
        pytest.param(False, tables_of(60, 600, 60, 600), 20, True, id="proven"),
        pytest.param(True, tables_of(30, 300, 30, 300), 1, True, id="proven-before"),
        pytest.param(True, tables_of(90, 300, 30, 300), 5, False, id="then-much-worse"),
    ],
)
def test_a_proof_stands_until_the_evidence_against_it_is_as_strong(
    before, tables, number, expected
):
    assert latched(before, tables, number) is expected


totals = st.one_of(st.integers(0, 40), st.integers(0, 20_000), st.just(20_000))
arms = totals.flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@settings(max_examples=40)
@given(canary=arms, stable=arms, num_before=st.integers(0, 10**6))
def test_no_counts_make_an_e_value_that_is_not_a_number(canary, stable, num_before):
    tables = tables_of(*canary, *stable)
    wealth = gather({}, np.array(num_before), tables, EVERY, false_promotion=0.05)
    wealth = gather(wealth, np.array(num_before + 1), tables, EVERY, false_promotion=0.05)
    assert all(np.isfinite(logs).all() for logs in wealth.values())
    for log_e in (log_worse, log_proof):
        assert math.isfinite(math.exp(log_e(wealth, np.array(num_before + 2), EVERY)))
