"""Lists of pods as a cluster would give them, without one."""

from collections.abc import Iterator, Sequence

from loadtest.coldstart.clock import SECOND_NS, ClockSample
from loadtest.coldstart.cluster import PodList
from loadtest.coldstart.pods import Mark, Pod
from loadtest.errors import TargetError


def pod(name: str = "r1-a", *, is_terminating: bool = False, **seconds: int) -> Pod:
    """Return a pod; keywords are marks and their seconds."""
    marks = {Mark.POD_CREATED: 0} | {Mark[mark.upper()]: at for mark, at in seconds.items()}
    return Pod(name, name, marks, 0, is_terminating)


def listed(*pods: Pod, at_ns: int = 0) -> PodList:
    """Return a list that came at once, of a server whose clock is CLOCK_MONOTONIC."""
    return PodList(list(pods), ClockSample(at_ns, at_ns, at_ns // SECOND_NS))


class ListedPods:
    """A cluster that gives those lists in turn, then fails."""

    def __init__(self, lists: Sequence[PodList]) -> None:
        self._lists: Iterator[PodList] = iter(lists)

    def list_pods(self, _service: str) -> PodList:
        for found in self._lists:
            return found
        raise TargetError("no more lists")
