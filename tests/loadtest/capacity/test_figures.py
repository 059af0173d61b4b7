"""The arithmetic behind the table of capacities."""

import subprocess
from dataclasses import replace

import pytest

from tests.loadtest.capacity.figures import Sample, Spread, ratio, table
from tests.loadtest.capacity.observing import cpu_of_session

SAMPLE = Sample(
    case="streams",
    client="r1-loadtest",
    round=0,
    num_requests=100,
    events_per_request=64,
    wall_s=8.0,
    cpu_s=4.0,
    server_cpu_s=2.0,
    load=1.0,
)
SPENDS = "import time\nwhile time.process_time() < 0.3: pass\ninput()"


def _took(client: str, *cpu_s: float) -> list[Sample]:
    return [
        replace(SAMPLE, client=client, round=number, cpu_s=taken)
        for number, taken in enumerate(cpu_s)
    ]


def test_capacity_is_events_per_second_of_cpu() -> None:
    assert SAMPLE.per_cpu_s == 1600


def test_a_rate_is_events_per_second_of_the_window() -> None:
    assert SAMPLE.per_wall_s == 800


@pytest.mark.parametrize(
    ("values", "spread"),
    [
        pytest.param([3.0, 1.0, 2.0], Spread(2.0, 1.0, 3.0), id="odd"),
        pytest.param([4.0, 1.0, 2.0, 3.0], Spread(2.5, 1.0, 4.0), id="even"),
        pytest.param([5.0], Spread(5.0, 5.0, 5.0), id="one"),
    ],
)
def test_a_spread_is_the_median_and_both_ends(values: list[float], spread: Spread) -> None:
    assert Spread.of(values) == spread


def test_clients_are_compared_within_each_round() -> None:
    # The ratio of the medians would be 8.
    samples = _took("r1-loadtest", 1.0, 2.0, 4.0) + _took("other", 2.0, 16.0, 16.0)
    assert ratio(samples, "streams", "r1-loadtest", "other") == Spread(4.0, 2.0, 8.0)


def test_a_round_that_one_client_lacks_is_left_out() -> None:
    samples = _took("r1-loadtest", 1.0, 1.0) + _took("other", 2.0)
    assert ratio(samples, "streams", "r1-loadtest", "other") == Spread(2.0, 2.0, 2.0)


def test_cases_are_compared_each_for_itself() -> None:
    unary = [replace(sample, case="unary") for sample in _took("other", 5.0)]
    samples = _took("r1-loadtest", 1.0) + _took("other", 2.0) + unary
    assert ratio(samples, "streams", "r1-loadtest", "other") == Spread(2.0, 2.0, 2.0)


def test_the_table_has_a_row_for_each_client_and_says_how_busy_the_server_was() -> None:
    rows = table(_took("r1-loadtest", 4.0) + _took("other", 8.0), "r1-loadtest").splitlines()[2:]
    assert rows == [
        "| streams | r1-loadtest | 1,600 (1,600 to 1,600) | 800 | 50% | 25% |  |",
        "| streams | other | 800 (800 to 800) | 800 | 100% | 25% | **2.00** (2.00 to 2.00) |",
    ]


def test_cpu_time_of_a_session_holds_that_of_children_that_have_ended() -> None:
    shell = ["sh", "-c", f"python3 -c '{SPENDS}' </dev/null 2>/dev/null; echo; cat"]
    with subprocess.Popen(
        shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        cpu_s = cpu_of_session(process.pid)
    assert 0.28 < cpu_s < 2
