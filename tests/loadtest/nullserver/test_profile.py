"""What the null server pretends to be."""

import numpy as np
import pytest

from loadtest.errors import UsageError
from loadtest.nullserver.profile import Durations, Profile, Shape

EXPONENTIAL = Durations(0.005, Shape.EXPONENTIAL)
LOGNORMAL = Durations(0.005, Shape.LOGNORMAL, 0.5)


@pytest.mark.parametrize(
    ("text", "durations"),
    [
        ("5ms", Durations(0.005)),
        ("constant:250us", Durations(0.000_25)),
        ("exponential:5ms", EXPONENTIAL),
        ("lognormal:0.005s:0.5", LOGNORMAL),
    ],
)
def test_durations_are_read_with_their_unit(text: str, durations: Durations) -> None:
    assert Durations.parse(text) == durations


@pytest.mark.parametrize("text", ["5", "5min", "-5ms", "uniform:5ms", "lognormal:5ms", "5ms:1", ""])
def test_other_words_for_durations_are_refused_by_value(text: str) -> None:
    with pytest.raises(UsageError, match="must be"):
        Durations.parse(text)


@pytest.mark.parametrize("durations", [EXPONENTIAL, LOGNORMAL], ids=["exponential", "lognormal"])
def test_durations_drawn_have_the_mean_that_was_asked_for(durations: Durations) -> None:
    drawn = [durations.draw_ns(b"run-%d" % index, 0) for index in range(5_000)]
    assert np.mean(drawn) == pytest.approx(5e6, rel=0.05)


def test_durations_drawn_lie_below_a_quantile_as_often_as_it_says() -> None:
    drawn_ns = np.array([LOGNORMAL.draw_ns(b"run-%d" % index, 0) for index in range(5_000)])
    below = [np.mean(drawn_ns <= LOGNORMAL.quantile_s(share) * 1e9) for share in (0.1, 0.5, 0.99)]
    assert below == pytest.approx([0.1, 0.5, 0.99], abs=0.02)


def test_a_request_draws_the_same_duration_every_time() -> None:
    assert EXPONENTIAL.draw_ns(b"run-7", 3) == EXPONENTIAL.draw_ns(b"run-7", 3)


def test_the_durations_of_a_request_differ() -> None:
    assert len({EXPONENTIAL.draw_ns(b"run-7", number) for number in range(100)}) == 100


@pytest.mark.parametrize(
    ("name", "value"),
    [("num_chunks", 0), ("tokens_per_chunk", 0), ("error_every", -1), ("refuse_above", -1.0)],
)
def test_a_setting_out_of_its_range_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{name} is {value}, must be"):
        Profile(**{name: value})
