import math

import pytest

from loadtest.report.quantity import SECONDS, duration, number, scale_of, scale_of_gate, share, size


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(None, "–", id="unknown"),
        pytest.param(math.nan, "–", id="not a number"),
        pytest.param(math.inf, "∞", id="infinite"),
        pytest.param(0, "0", id="zero"),
        pytest.param(12345.6, "12,346", id="thousands"),
        pytest.param(99.96, "100", id="rounds up to three digits"),
        pytest.param(12.34, "12.3", id="tens"),
        pytest.param(1.9, "1.90", id="ones keep their digits"),
        pytest.param(0.0789, "0.0789", id="below one"),
        pytest.param(0.2, "0.2", id="below one without zeros"),
        pytest.param(0.0000123, "1.2e-05", id="tiny"),
        pytest.param(-5.017, "-5.02", id="negative"),
    ],
)
def test_a_number_has_three_digits_that_count(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        pytest.param(None, "–", id="unknown"),
        pytest.param(0.0, "0 s", id="zero"),
        pytest.param(0.00006, "60 µs", id="microseconds"),
        pytest.param(0.0124, "12.4 ms", id="milliseconds"),
        pytest.param(75.0, "75 s", id="seconds"),
    ],
)
def test_a_duration_has_a_unit_that_fits(seconds, shown):
    assert duration(seconds) == shown


def test_a_share_is_exact_where_its_percents_are():
    assert share(0.07) == "7 %"


@pytest.mark.parametrize(
    ("text", "threshold", "shown"),
    [
        pytest.param("p99_ttft<500ms", 0.5, "500 ms", id="ms"),
        pytest.param("p99_gap<80us", 0.00008, "80 µs", id="us"),
        pytest.param("p50_e2e<=2s", 2.0, "2 s", id="s"),
        pytest.param("error_rate<0.1%", 0.001, "0.1 %", id="percent"),
        pytest.param("throughput>20", 20.0, "20", id="rate"),
    ],
)
def test_a_gate_is_shown_in_the_unit_it_was_written_in(text, threshold, shown):
    assert scale_of_gate(text).full(threshold) == shown


@pytest.mark.parametrize(
    ("unit", "value", "shown"),
    [
        pytest.param("s", 0.004, "4 ms", id="seconds"),
        pytest.param("1", 0.004, "0.4 %", id="share"),
        pytest.param("1/s", 40.0, "40 /s", id="rate"),
        pytest.param("tokens", 1.25, "1.25 tokens", id="word"),
    ],
)
def test_a_value_is_shown_in_its_unit(unit, value, shown):
    assert scale_of(unit, value).full(value) == shown


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        pytest.param(1.0, 2.5, "1 – 2.50", id="known"),
        pytest.param(None, 2.5, "? – 2.50", id="no lower bound"),
        pytest.param(1.0, None, "1 – ?", id="no upper bound"),
        pytest.param(None, None, "", id="no bounds"),
        pytest.param(-1.0, 2.5, "-1 to 2.50", id="negative"),
    ],
)
def test_an_interval_says_which_bound_is_not_known(low, high, shown):
    assert SECONDS.span(low, high) == shown


@pytest.mark.parametrize(
    ("num_bytes", "shown"),
    [(None, "–"), (12, "12 B"), (1_500, "1.50 kB"), (2_500_000, "2.50 MB"), (7e9, "7 GB")],
    ids=["unknown", "bytes", "kilo", "mega", "giga"],
)
def test_a_size_is_decimal(num_bytes, shown):
    assert size(num_bytes) == shown
