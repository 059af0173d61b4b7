"""Isotonic regression against scipy's, and where its curve crosses a level."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from loadtest.analysis.isotonic import centres, crossing, isotonic

counts = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 200)), min_size=1, max_size=12)


@settings(max_examples=100)
@given(counts)
def test_the_fit_is_scipys(pairs: list[tuple[int, int]]) -> None:
    sums = np.array([hits for hits, _ in pairs], float)
    weights = sums + np.array([others for _, others in pairs]) + 1
    expected = isotonic_regression(sums / weights, weights=weights).x
    np.testing.assert_allclose(isotonic(sums, weights), expected, atol=1e-12)


def test_rows_are_fitted_apart() -> None:
    sums = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    fit = isotonic(sums, np.ones((2, 3)))
    np.testing.assert_array_equal(fit, [[1, 2, 3], [2, 2, 2]])


def test_a_pool_lies_at_its_weighted_centre() -> None:
    points, weights = np.array([0.0, 1.0, 4.0]), np.array([1.0, 3.0, 5.0])
    np.testing.assert_allclose(centres(points, np.array([2.0, 2.0, 3.0]), weights), [0.75, 0.75, 4])


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        pytest.param(0.5, -math.inf, id="below-all"),
        pytest.param(1.0, 10.0, id="at-the-first"),
        pytest.param(2.0, 15.0, id="between"),
        pytest.param(3.0, 30.0, id="at-the-last-of-equals"),
        pytest.param(5.0, math.inf, id="above-all"),
    ],
)
def test_a_line_crosses_a_level_once(level: float, expected: float) -> None:
    points, levels = np.array([10.0, 20.0, 30.0, 40.0]), np.array([1.0, 3.0, 3.0, 4.0])
    assert crossing(points, levels, level) == expected
