"""Waiting until a service is scaled to zero, on a clock of the test's own."""

import pytest

from loadtest.coldstart.waiting import await_zero
from loadtest.errors import TargetError
from loadtest.run.interrupts import Interrupts
from tests.loadtest.coldstart.lists import ListedPods, listed, pod


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Wait:
    """One wait; ``said`` is what it said."""

    def __init__(self, *lists: object) -> None:
        self.cluster = ListedPods(lists)  # type: ignore[arg-type]
        self.clock = Clock()
        self.said: list[str] = []
        self.interrupts = Interrupts()

    def run(self, limit_s: float = 900.0) -> object:
        return await_zero(
            self.cluster,
            "r1",
            limit_s,
            self.interrupts,
            say=self.said.append,
            now=self.clock.now,
            sleep=self.clock.sleep,
        )


def test_first_list_without_a_pod_ends_the_wait() -> None:
    empty = listed()
    wait = Wait(listed(pod()), listed(pod(is_terminating=True)), empty)

    assert wait.run() is empty
    assert wait.clock.now_s == 102.0


def test_every_ten_seconds_it_says_which_pods_are_left() -> None:
    there, leaving = listed(pod()), listed(pod(), pod("r1-b", is_terminating=True))
    wait = Wait(*[there] * 11, *[leaving] * 10, listed())

    wait.run()

    assert wait.said == [
        "waiting until scaled to zero, 10 s so far: pod r1-a is there",
        "waiting until scaled to zero, 20 s so far: pod r1-a is there, pod r1-b is terminating",
    ]


def test_wait_that_is_over_names_the_pods_that_are_left() -> None:
    wait = Wait(*[listed(pod())] * 5)

    with pytest.raises(TargetError, match=r"r1 is not scaled to zero after 2.5 s: pod r1-a"):
        wait.run(2.5)

    assert wait.clock.now_s == 102.5


def test_interrupt_ends_the_wait() -> None:
    wait = Wait(*[listed(pod())] * 5)
    wait.interrupts.num = 1

    assert wait.run() is None
