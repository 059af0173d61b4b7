import math
from dataclasses import replace

import numpy as np
import pytest

from tests.canary.power import rivals
from tests.canary.power.measure import Rate, measure
from tests.canary.power.rows import ROWS
from tests.canary.power.table import broken, page
from tests.canary.power.traffic import EDGES, NUM_INTERVALS, Scenario, simulate, slow_share

ROW = {row.name: row for row in ROWS}


def counts(canary, stable):
    arms = np.broadcast_to(np.array([canary, stable]), (1, NUM_INTERVALS, 2))
    return arms.astype(np.int64)


@pytest.mark.parametrize("name", ["errors to 5 %", "TTFT x1.5"])
def test_a_much_worse_canary_is_rolled_back_in_minutes(name):
    rate = measure(ROW[name], 25, seed=1).rolled_back["default plan"]
    assert rate.share == 1.0
    assert rate.median_minutes <= 4.0


def test_equal_revisions_are_not_rolled_back_and_are_proven():
    measured = measure(replace(ROW["A/A"], ttft=None), 40, seed=2)
    assert measured.rolled_back["judge"].share <= 0.05
    assert measured.proven.share >= 0.9


def test_equal_seeds_give_equal_numbers():
    one, two = (measure(replace(ROW["errors x10"], ttft=None), 10, seed=3) for _ in range(2))
    assert one.rolled_back == two.rolled_back


def test_the_page_names_its_command_and_marks_a_broken_bound():
    row = replace(ROW["errors to 5 %"], max_minutes=0.1, ttft=None)
    measured = measure(row, 5, seed=4)
    text = page([measured], "make canary-power", 4)
    assert "Made by `make canary-power` (seed 4, 5 runs a row)." in text
    assert "|errors to 5 %|0.1 min, 10 failed|**100.0%" in text


def test_a_row_within_its_bounds_breaks_none():
    assert broken([measure(replace(ROW["errors to 5 %"], ttft=None), 10, seed=5)]) == []


def test_stalls_are_above_the_edges_below_them_alone():
    traffic = simulate(Scenario(stalls=(0.1, 0.02)), 20, np.random.default_rng(9))
    seen = [
        np.sum([traffic.stall_tables(i, edge_s).canary_bad for i in range(NUM_INTERVALS)])
        for edge_s in (1.0, 2.0)
    ]
    assert seen[0] / traffic.requests[..., 0].sum() == pytest.approx(0.1, rel=0.05)
    assert seen[1] == 0


def test_slow_shares_are_those_of_the_distribution():
    assert slow_share(0.5, 1.0)[EDGES.index(0.5)] == pytest.approx(0.01)
    assert slow_share(0.25, 2.0)[EDGES.index(0.5)] == pytest.approx(0.01)


def test_simulated_shares_are_those_of_the_scenario():
    traffic = simulate(Scenario((0.1, 0.02), p99_s=0.5), 50, np.random.default_rng(7))
    total = traffic.requests.sum(axis=(0, 1))
    np.testing.assert_allclose(traffic.errors.sum(axis=(0, 1)) / total, (0.1, 0.02), rtol=0.02)
    slow = traffic.slow[..., EDGES.index(0.5)].sum(axis=(0, 1)) / total
    np.testing.assert_allclose(slow, 0.01, rtol=0.05)


@pytest.mark.parametrize(
    ("rule", "minutes"),
    [
        pytest.param(lambda bad, all_: rivals.flagger(bad, all_, 0.001), 5.0, id="flagger"),
        pytest.param(rivals.kayenta, 10.0, id="kayenta"),
        pytest.param(rivals.peeked_z_test, 1.0, id="z-test"),
    ],
)
def test_each_rule_of_others_finds_a_gross_change(rule, minutes):
    assert rule(counts(20, 4), counts(100, 100)).tolist() == [minutes]


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(lambda bad, all_: rivals.flagger(bad, all_, 0.001), id="flagger"),
        pytest.param(rivals.kayenta, id="kayenta"),
        pytest.param(rivals.peeked_z_test, id="z-test"),
    ],
)
def test_each_rule_of_others_leaves_revisions_without_errors(rule):
    assert rule(counts(0, 0), counts(100, 100)).tolist() == [math.inf]


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_row_keeps_its_bounds(row):
    assert broken([measure(row, 1000, seed=20261121 + ROWS.index(row))]) == []


@pytest.mark.nightly
def test_healthy_tails_are_rolled_back_by_a_threshold_on_p99_and_not_by_the_judge():
    rolled_back = measure(ROW["A/A, healthy P99 of 480 ms"], 400, seed=8).rolled_back
    assert rolled_back["Flagger"].share > 0.5
    assert rolled_back["judge"] == Rate(0.0, math.inf)
