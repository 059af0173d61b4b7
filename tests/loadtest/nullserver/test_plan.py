"""The null server's queue and faults, in virtual time."""

import numpy as np
import pytest

from loadtest.nullserver.plan import Fault, Plan, Planner
from loadtest.nullserver.profile import Durations, Profile, Shape

MS = 1_000_000
SECOND = 1_000_000_000


def faults(profile: Profile, count: int, *, is_stream: bool = True) -> list[Fault]:
    planner = Planner(profile)
    return [planner.plan(0, b"run-%d" % n, is_stream=is_stream).fault for n in range(count)]


def mean_time_ms(profile: Profile, gaps_ns: np.ndarray) -> float:
    """Mean time in the system of unary requests that come after these gaps."""
    planner, times = Planner(profile), np.cumsum(gaps_ns).astype(np.int64).tolist()
    plans = [planner.plan(at, b"run-%d" % n, is_stream=False) for n, at in enumerate(times)]
    return np.mean([plan.due[-1] - at for plan, at in zip(plans, times, strict=True)]) / MS


def test_a_stream_has_its_first_chunk_after_the_ttft_and_the_others_at_the_gap() -> None:
    profile = Profile(ttft=Durations(0.02), gap=Durations(0.005), num_chunks=3)
    plan = Planner(profile).plan(1000, b"run-1", is_stream=True)
    assert plan == Plan((1000 + 20 * MS, 1000 + 25 * MS, 1000 + 30 * MS))


def test_a_unary_request_is_answered_once_after_its_service() -> None:
    plan = Planner(Profile(service=Durations(0.02))).plan(0, b"run-1", is_stream=False)
    assert plan == Plan((20 * MS,))


def test_gaps_that_vary_differ_within_a_stream() -> None:
    profile = Profile(gap=Durations(0.01, Shape.EXPONENTIAL), num_chunks=50)
    due = Planner(profile).plan(0, b"run-1", is_stream=True).due
    assert len(set(np.diff(due).tolist())) == 49


def test_requests_beyond_the_servers_wait_for_the_first_that_is_free() -> None:
    planner = Planner(Profile(service=Durations(0.01), num_servers=2))
    due = [planner.plan(0, b"run", is_stream=False).due[0] // MS for _ in range(5)]
    assert due == [10, 10, 20, 20, 30]


def test_a_stream_holds_its_server_to_its_last_chunk() -> None:
    profile = Profile(ttft=Durations(0.01), gap=Durations(0.01), num_chunks=3, num_servers=1)
    planner = Planner(profile)
    planner.plan(0, b"run-0", is_stream=True)
    assert planner.plan(0, b"run-1", is_stream=True).due[0] == 40 * MS


@pytest.mark.parametrize(
    ("shape", "expected_ms"),
    # Of one server used to 70 %: Pollaczek and Khinchine, 10 ms + 0.7 * 10 / (2 * 0.3) and
    # 10 ms / 0.3.
    [(Shape.CONSTANT, 21.667), (Shape.EXPONENTIAL, 33.333)],
    ids=["M/D/1", "M/M/1"],
)
def test_the_queue_keeps_its_law(shape: Shape, expected_ms: float) -> None:
    gaps_ns = np.random.default_rng(5).exponential(SECOND / 70, 40_000)
    profile = Profile(service=Durations(0.01, shape), num_servers=1)
    assert mean_time_ms(profile, gaps_ns) == pytest.approx(expected_ms, rel=0.06)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("error_every", Fault.ERROR),
        ("truncate_every", Fault.TRUNCATED),
        ("reset_every", Fault.RESET),
    ],
)
def test_every_third_request_gets_its_fault(name: str, fault: Fault) -> None:
    assert faults(Profile(**{name: 3}), 6) == [Fault.NONE, Fault.NONE, fault] * 2


def test_a_unary_answer_is_never_truncated() -> None:
    assert faults(Profile(truncate_every=1), 3, is_stream=False) == [Fault.NONE] * 3


def test_requests_above_the_rate_are_refused_after_a_burst_of_one_second() -> None:
    refused = [fault is Fault.REFUSED for fault in faults(Profile(refuse_above=10), 15)]
    assert refused == [False] * 10 + [True] * 5


def test_requests_at_the_allowed_rate_are_never_refused() -> None:
    planner = Planner(Profile(refuse_above=10))
    plans = [planner.plan(n * SECOND // 10, b"run", is_stream=False) for n in range(100)]
    assert {plan.fault for plan in plans} == {Fault.NONE}


def test_a_refused_request_takes_no_server() -> None:
    planner = Planner(Profile(service=Durations(0.01), num_servers=1, refuse_above=1))
    for _ in range(5):
        planner.plan(0, b"run", is_stream=False)
    assert planner.plan(SECOND, b"run", is_stream=False).due == (SECOND + 10 * MS,)
