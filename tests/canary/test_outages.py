"""A cluster that answers late, or with conflicts alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from canary.errors import Unreachable
from canary.outages import Outages
from tests.canary.controller_bench import Bench, opened
from tests.canary.simulator.server import Request


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with opened(tmp_path) as made:
        yield made


def test_a_quota_that_refuses_the_first_state_is_asked_again(bench: Bench) -> None:
    controller = bench.begin()
    bench.refuse = [(lambda request: request.path.endswith("/configmaps"), 409)] * 3
    began = bench.universe.now
    controller.run(is_done=lambda rollout: bench.percent() == 0)

    assert bench.percent() == 0
    assert bench.universe.now - began >= 1.5


def test_a_quota_that_goes_on_refusing_is_given_up(bench: Bench) -> None:
    controller = bench.begin()
    bench.refuse = [(lambda request: request.path.endswith("/configmaps"), 409)] * 9999
    with pytest.raises(Unreachable, match="conflicts alone"):
        controller.run()


def test_a_cluster_that_wants_a_long_wait_gets_it(bench: Bench) -> None:
    controller = bench.begin()
    asked: list[float] = []

    def is_read(request: Request) -> bool:
        if not request.path.endswith("/inferenceservices/r1"):
            return False
        asked.append(bench.universe.now)
        return True

    bench.refuse = [(is_read, 429)] * 2
    controller.run(is_done=lambda rollout: bench.percent() == 0)

    assert asked[1] - asked[0] >= 90.0


class Clock:
    """Passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_silence_and_its_end_are_told_once() -> None:
    clock, said = Clock(), list[str]()
    outages = Outages(clock.sleep, clock, said.append)
    for _ in range(3):
        outages.bear(Unreachable("no answer"), 60.0)
    outages.hear()
    outages.hear()

    assert said == [
        "no answer; it is asked again for 60 s",
        "the cluster answers again; the rollout goes on",
    ]


def test_a_silence_is_given_up_after_its_limit_and_not_before() -> None:
    clock = Clock()
    outages = Outages(clock.sleep, clock, lambda text: None)
    while clock.now <= 60.0:
        outages.bear(Unreachable("no answer"), 60.0)

    with pytest.raises(Unreachable, match="no answer"):
        outages.bear(Unreachable("no answer"), 60.0)


def test_an_answer_begins_the_limit_anew() -> None:
    clock = Clock()
    outages = Outages(clock.sleep, clock, lambda text: None)
    clock.sleep(59.0)
    outages.hear()
    outages.bear(Unreachable("no answer"), 5.0)

    assert clock.now == 64.0
