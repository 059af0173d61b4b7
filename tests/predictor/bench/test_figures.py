"""Bounds, samples and ratios from numbers that are known."""

import pytest

from tests.predictor.bench.figures import Roofline, Sample, ratio, sample, spread
from tests.predictor.bench.load import Answer, Load, Measured, Request, uneven_load

ROOFLINE = Roofline(read_bytes_per_s=100.0, flops_per_s=1000.0)


@pytest.mark.parametrize(
    ("concurrency", "tokens_per_s"),
    [pytest.param(1, 0.5, id="bandwidth"), pytest.param(100, 20.0, id="arithmetic")],
)
def test_the_bound_is_bandwidth_until_arithmetic_takes_longer(
    concurrency: int, tokens_per_s: float
) -> None:
    # Weights of 200 bytes take 2 s to read, and a token's products 0.05 s.
    assert ROOFLINE.tokens_per_s(concurrency, 200, 50.0) == pytest.approx(tokens_per_s)


def test_a_sample_has_rates_first_tokens_and_gaps() -> None:
    load = Load("two", 2, [Request([1], 3), Request([1], 2)])
    measured = Measured(2.0, [Answer([7, 7, 7], [0.5, 0.6, 0.8]), Answer([7, 7], [0.7, 0.8])])

    found = sample("ours", 0, load, measured, bound_tokens_per_s=10.0)

    assert (found.tokens_per_s, found.roofline_ratio) == (2.5, 0.25)
    assert found.first_token_s == pytest.approx(0.6)
    assert found.gap_p50_s == pytest.approx(0.1)
    assert found.gap_p99_s == pytest.approx(0.2, rel=0.01)


def test_a_ratio_is_of_the_same_rounds_and_not_of_medians() -> None:
    rates = {"ours": (10.0, 40.0, 30.0), "other": (5.0, 10.0, 30.0)}
    samples = [
        Sample("load", name, number, rate, 0.0, 0.0, 0.0, 0.0)
        for name, own in rates.items()
        for number, rate in enumerate(own)
    ]

    assert ratio(samples, "ours", "other") == spread([2.0, 4.0, 1.0])


def test_uneven_lengths_are_the_same_each_time_and_fill_their_range() -> None:
    loads = [
        uneven_load(16, num_requests=3000, shortest=16, longest=240, vocab_size=100)
        for _ in range(2)
    ]

    lengths = {request.num_tokens for request in loads[0].requests}
    assert loads[0] == loads[1]
    assert (min(lengths), max(lengths)) == (16, 240)
