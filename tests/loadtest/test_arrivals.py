"""The schedule against the distributions and the integrals it claims."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loadtest.arrivals import CHUNK, Leg, PiecewiseRate, parse_rates, schedule
from loadtest.config import RunConfig
from loadtest.errors import UsageError

TARGET = "http://127.0.0.1:8080"
NS = 1_000_000_000
MANY = 10**9


def times_of(**settings: object) -> np.ndarray:
    config = RunConfig(target=TARGET, **settings)
    return np.concatenate([np.empty(0, np.int64), *schedule(config)])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_poisson_gaps_are_exponential_at_the_rate(seed: int) -> None:
    times = times_of(rate=200, duration_s=6e5, max_requests=20_000, seed=seed)
    gaps = np.diff(times, prepend=0) / NS
    assert stats.kstest(gaps, stats.expon(scale=1 / 200).cdf).pvalue > 0.01


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_poisson_arrivals_favour_no_part_of_a_second(seed: int) -> None:
    times = times_of(rate=50, duration_s=400, max_requests=MANY, seed=seed)
    assert stats.kstest(times % NS / NS, "uniform").pvalue > 0.01


def test_poisson_counts_of_a_second_are_independent() -> None:
    times = times_of(rate=20, duration_s=2000, max_requests=MANY)
    counts = np.bincount(times // NS, minlength=2000)
    # Variance over mean of Poisson counts: 1, with a standard error of sqrt(2 / 2000).
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.1)
    assert np.corrcoef(counts[:-1], counts[1:])[0, 1] == pytest.approx(0, abs=0.07)


@pytest.mark.parametrize("burstiness", [0.25, 1.0, 4.0])
def test_gamma_gaps_have_the_rate_and_the_burstiness(burstiness: float) -> None:
    times = times_of(
        arrivals="gamma", rate=100, burstiness=burstiness, duration_s=6e5, max_requests=20_000
    )
    gaps = np.diff(times, prepend=0) / NS
    expected = stats.gamma(burstiness, scale=1 / (100 * burstiness))
    assert stats.kstest(gaps, expected.cdf).pvalue > 0.01
    assert gaps.std() / gaps.mean() == pytest.approx(burstiness**-0.5, rel=0.05)


@pytest.mark.parametrize("rate", [1, 3, 7.3, 333, 10_000])
def test_the_constant_schedule_is_exact_to_the_end(rate: float) -> None:
    times = times_of(arrivals="constant", rate=rate, duration_s=6e5, max_requests=50_000)
    exact = [round(index * NS / rate) for index in range(len(times))]
    assert np.abs(times - np.array(exact)).max() <= 1


@pytest.mark.parametrize(
    ("rate", "duration_s", "count"),
    [(10, 60, 600), (3, 1, 3), (0.1, 30, 3), (0.1, 5, 1), (7, 1.001, 8), (1.0000000001, 1, 1)],
)
def test_the_constant_schedule_begins_at_once_and_ends_before_the_duration(
    rate: float, duration_s: float, count: int
) -> None:
    times = times_of(arrivals="constant", rate=rate, duration_s=duration_s)
    assert times[0] == 0
    assert len(times) == count


def test_a_ramp_has_as_many_requests_as_the_integral_of_its_rate() -> None:
    # 10 to 50 over 60 s, then 50 for 40 s.
    times = times_of(arrivals="ramp", rates="10:60s,50:40s", duration_s=100, max_requests=MANY)
    seconds = times / NS
    integral = np.where(seconds < 60, 10 * seconds + seconds**2 / 3, 1800 + 50 * (seconds - 60))
    gaps = np.diff(integral, prepend=0)
    assert stats.kstest(gaps, "expon").pvalue > 0.01
    assert len(times) == pytest.approx(3800, abs=3 * 3800**0.5)


def test_a_step_has_each_legs_rate_in_turn() -> None:
    times = times_of(
        arrivals="step", rates="40:50s,0:10s,200:500ms,20:1m", duration_s=200, max_requests=MANY
    )
    counts, _ = np.histogram(times / NS, [0, 50, 60, 60.5, 120.5, 200])
    assert counts[0] == pytest.approx(2000, abs=3 * 2000**0.5)
    assert counts[1] == 0
    assert counts[2] == pytest.approx(100, abs=30)
    assert counts[3] == pytest.approx(1200, abs=3 * 1200**0.5)
    assert counts[4] == 0


def test_a_falling_ramp_ends_with_its_last_leg() -> None:
    times = times_of(arrivals="ramp", rates="100:10s,0:0s", duration_s=60, max_requests=MANY)
    assert len(times) == pytest.approx(500, abs=3 * 500**0.5)
    assert times[-1] < 10 * NS


def test_expected_times_invert_the_integral_of_the_rate() -> None:
    rate = PiecewiseRate((Leg(2, 10), Leg(6, 5)), is_ramp=True)
    assert rate.expected == 70
    # 2 t + 0.2 t^2 is 40 at 10 s; the last leg holds 6.
    assert rate.times(np.array([0.0, 11.25, 40.0, 52.0, 70.1])).tolist() == pytest.approx(
        [0, (np.sqrt(13) - 2) / 0.4, 10, 12, np.inf]
    )


def test_a_trace_is_replayed_from_its_first_request(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    trace.write_text('{"at_s": 7.5}\n{"at_s": 7.5}\n{"at_s": 9.000000001}\n{"at_s": 30}\n')
    times = times_of(arrivals="trace", trace_file=trace, duration_s=10)
    assert times.tolist() == [0, 0, 1_500_000_001]


def test_another_seed_gives_another_schedule() -> None:
    assert times_of(rate=100, seed=1).tolist() != times_of(rate=100, seed=2).tolist()


def test_the_schedule_comes_in_chunks() -> None:
    config = RunConfig(target=TARGET, rate=1e6, max_requests=2 * CHUNK + 5)
    assert [len(chunk) for chunk in schedule(config)] == [CHUNK, CHUNK, 5]


OPEN_LOOPS = st.sampled_from(
    [
        {"arrivals": "poisson", "rate": 300},
        {"arrivals": "constant", "rate": 300},
        {"arrivals": "gamma", "rate": 300, "burstiness": 0.3},
        {"arrivals": "ramp", "rates": "100:10s,500:20s"},
        {"arrivals": "step", "rates": "500:5s,0:1s,900:20s"},
    ]
)


@settings(max_examples=60)
@given(
    loop=OPEN_LOOPS,
    seed=st.integers(0, 2**63 - 1),
    duration_s=st.floats(0.001, 40),
    fewer=st.integers(1, 6000),
    more=st.integers(0, 6000),
    num_workers=st.integers(1, 7),
)
def test_schedules_are_sorted_bounded_repeatable_and_only_grow(
    loop: dict[str, object],
    seed: int,
    duration_s: float,
    fewer: int,
    more: int,
    num_workers: int,
) -> None:
    bounds = {"seed": seed, "duration_s": duration_s}
    short = times_of(**loop, **bounds, max_requests=fewer)
    long = times_of(**loop, **bounds, max_requests=fewer + more)
    assert long[:fewer].tolist() == short.tolist()
    assert long.tolist() == times_of(**loop, **bounds, max_requests=fewer + more).tolist()
    assert (np.diff(long) >= 0).all()
    assert ((long >= 0) & (long < duration_s * NS)).all()
    assert len(short) <= fewer
    shares = [long[worker::num_workers] for worker in range(num_workers)]
    assert np.sort(np.concatenate(shares)).tolist() == long.tolist()


def test_a_longer_duration_only_appends() -> None:
    short = times_of(rate=300, duration_s=7)
    long = times_of(rate=300, duration_s=30)
    assert long[: len(short)].tolist() == short.tolist()
    assert long[len(short)] >= 7 * NS


def test_rates_name_each_leg_in_its_unit() -> None:
    assert parse_rates("10:500ms, 2.5:60s,0:2m,7:1h,8:0s") == (
        Leg(10, 0.5),
        Leg(2.5, 60),
        Leg(0, 120),
        Leg(7, 3600),
        Leg(8, 0),
    )


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ("10", "leg 1 is '10', must be RATE:DURATION"),
        ("10:60s,", "leg 2 is '', must be RATE:DURATION"),
        ("10:60s,x:5s", "leg 2 is 'x:5s', must be RATE:DURATION"),
        ("10:60", "leg 1 is '10:60', must be RATE:DURATION"),
        ("-1:60s", "leg 1 is '-1:60s', must be RATE:DURATION"),
        ("1:0s,2:5s", "leg 1 lasts 0s: only the last may"),
        ("1:0s", "must last longer than 0s"),
        ("0:5s,0:9s", "one of the rates must be above 0"),
    ],
)
def test_rates_that_cannot_be_followed_are_named(rates: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_rates(rates)
    assert str(caught.value).startswith(f"rates is {rates!r}")
    assert message in str(caught.value)


def test_no_chunk_starts_anew() -> None:
    config = RunConfig(target=TARGET, rate=1000, duration_s=100, max_requests=5 * CHUNK)
    for before, after in pairwise(schedule(config)):
        # The gap over the border of two chunks is one of the process: 20 / rate is e^-20.
        assert 0 <= after[0] - before[-1] < 0.02 * NS
