"""Distributions of lengths against scipy's."""

import random

import numpy as np
import pytest
from scipy import stats

from loadtest.errors import UsageError
from loadtest.lengths import ALLOWED, MAX_LENGTH, parse_lengths

NUM_DRAWS = 20_000


def draw(text: str) -> np.ndarray:
    lengths, rng = parse_lengths(text), random.Random(0)
    return np.array([lengths.draw(rng) for _ in range(NUM_DRAWS)])


def test_a_number_alone_is_every_length() -> None:
    assert set(draw("128")) == {128}


def test_uniform_lengths_are_alike_and_reach_both_bounds() -> None:
    counts = np.bincount(draw("uniform:50..69"))[50:]
    assert len(counts) == 20
    assert stats.chisquare(counts).pvalue > 0.01


# Shares at or below each length, of the distribution given that it lies within the bounds.
SHARES = {
    "normal:10,2": lambda x: stats.norm(10, 2).cdf(x + 0.5),
    "normal:200,40": lambda x: stats.norm(200, 40).cdf(x + 0.5),
    "normal:200,40,180..220": lambda x: stats.truncnorm(
        -20.5 / 40, 20.5 / 40, loc=200, scale=40
    ).cdf(x + 0.5),
    "lognormal:200,0.8": lambda x: stats.lognorm(0.8, scale=200).cdf(x + 0.5),
    "lognormal:200,0.8,1..300": lambda x: (
        stats.lognorm(0.8, scale=200).cdf(x + 0.5) / stats.lognorm(0.8, scale=200).cdf(300.5)
    ),
}


@pytest.mark.parametrize("text", SHARES)
def test_bells_have_the_distribution_they_name(text: str) -> None:
    lengths = draw(text)
    points = np.quantile(lengths, [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]).round()
    shares = np.array([(lengths <= point).mean() for point in points])
    # Four standard errors of a share of 1/2.
    assert shares == pytest.approx(SHARES[text](points), abs=4 * 0.5 / NUM_DRAWS**0.5)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("normal:5,40", 1, MAX_LENGTH),
        ("normal:200,40,100..120", 100, 120),
        ("lognormal:1000000,9", 1, MAX_LENGTH),
        ("lognormal:200,5,7..9", 7, 9),
        ("normal:100,1,105..200", 105, 200),
    ],
)
def test_no_length_is_outside_the_bounds(text: str, least: int, most: int) -> None:
    lengths = draw(text)
    assert lengths.min() >= least
    assert lengths.max() <= most


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", ALLOWED),
        ("-5", ALLOWED),
        ("12.5", ALLOWED),
        ("uniform:5", ALLOWED),
        ("uniform:5..", ALLOWED),
        ("normal:200", ALLOWED),
        ("zipf:2", ALLOWED),
        ("normal:200,40,", ALLOWED),
        ("9" * 10, ALLOWED),
        ("0", "must lie within 1..1048576, least first"),
        ("1048577", "must lie within 1..1048576, least first"),
        ("uniform:9..5", "must lie within 1..1048576, least first"),
        ("normal:5,1,0..5", "must lie within 1..1048576, least first"),
        ("normal:0,1", "both numbers must be above 0"),
        ("lognormal:5,0", "both numbers must be above 0"),
        (
            "normal:200,1,300..400",
            "300..400 must hold at least a millionth of the distribution, holds 0",
        ),
    ],
)
def test_what_is_no_length_is_named(text: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_lengths(text)
    assert str(caught.value) == f"length is {text!r}, {reason}"
