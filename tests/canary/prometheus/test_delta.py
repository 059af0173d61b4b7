"""Counters over one interval, from 10 to 40 s."""

import pytest

from canary.prometheus.delta import PROCESS_START, delta, events, resets_of
from canary.prometheus.series import Series, Unreadable

START, END = 10.0, 40.0
LABELS = {"__name__": "a_total", "job": "r1", "instance": "a"}


def series(*samples: tuple[float, float], name: str = "a_total") -> Series:
    times, values = zip(*samples, strict=True)
    return Series(LABELS | {"__name__": name}, times, values)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([(5, 100), (20, 130), (35, 150)], 50, id="rising"),
        pytest.param([(5, 100), (9, 120), (35, 150)], 30, id="last sample before the start"),
        pytest.param([(10, 100), (40, 150)], 50, id="the start belongs before, the end within"),
        pytest.param([(5, 100), (20, 130), (45, 150)], 30, id="later samples left out"),
        pytest.param([(5, 100), (8, 100)], 0, id="no sample within"),
        pytest.param([(5, 100), (20, 130), (30, 5), (35, 8)], 38, id="reset"),
        pytest.param([(5, 100), (20, 40), (30, 5)], 45, id="two resets"),
        pytest.param([(5, 100), (8, 3), (30, 5)], 2, id="reset before the start"),
        pytest.param([(20, 7), (30, 9)], 9, id="new, from 0"),
        pytest.param([(5, 0), (20, 0)], 0, id="nothing happened"),
        pytest.param([(45, 7)], 0, id="begins after the end"),
    ],
)
def test_a_counter_moves_by_its_raw_samples(
    samples: list[tuple[float, float]], expected: float
) -> None:
    assert delta(series(*samples), START, END, frozenset()) == expected


def test_one_counter_that_falls_tells_of_its_whole_process() -> None:
    fell = series((5, 100), (20, 2))
    outgrew = series((5, 10), (20, 12), (30, 13), name="b_total")
    resets = resets_of([fell, outgrew])
    assert events([outgrew], START, END, resets) == 13


def test_a_process_that_started_later_has_counters_of_its_own() -> None:
    began = series((5, 1000), (20, 2000), name=PROCESS_START)
    counter = series((5, 10), (20, 12))
    assert events([counter], START, END, resets_of([began, counter])) == 12


def test_a_restart_before_the_first_of_a_label_does_not_count_twice() -> None:
    fell = series((5, 100), (20, 2))
    new = series((30, 4), name="b_total")
    assert events([new], START, END, resets_of([fell, new])) == 4


def test_another_pod_is_not_reset_with_it() -> None:
    fell = series((5, 100), (20, 2))
    other = Series(LABELS | {"instance": "b"}, (5.0, 20.0), (10.0, 12.0))
    assert events([fell, other], START, END, resets_of([fell, other])) == 2 + 2


def test_adjoining_intervals_add_up_to_the_whole() -> None:
    counter = series((5, 100), (12, 103), (17, 2), (20, 9), (33, 11))
    parts = [delta(counter, start, start + 5, frozenset()) for start in range(5, 40, 5)]
    assert sum(parts) == delta(counter, 5, 40, frozenset()) == 3 + 9 + 2


def test_fractions_of_events_are_refused() -> None:
    with pytest.raises(Unreadable, match=r"went on by 0\.5, must count whole events"):
        events([series((5, 1), (20, 1.5))], START, END, {})
