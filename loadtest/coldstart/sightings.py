"""What lists of pods tell, one after the other: what was said first when, and was not before."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from loadtest.coldstart.clock import ServerClock, Span
from loadtest.coldstart.pods import ImageEvents, Mark, Pod


@dataclass(slots=True)
class Sighting:
    """One pod. Times of CLOCK_MONOTONIC in ns; ``marks`` in seconds, the first that were said."""

    pod: Pod
    # A list that was asked for then did not have it.
    absent_ns: int
    marks: dict[Mark, int] = field(default_factory=dict)
    # When the first list that said so had come.
    seen_ns: dict[Mark, int] = field(default_factory=dict)

    def spans(self, clock: ServerClock, events: ImageEvents) -> dict[Mark, Span]:
        """Return each moment as its second and what the lists saw leave it.

        The second counts alone where both contradict each other.
        """
        seconds = dict(self.marks)
        for mark, second in events.marks.items():
            seconds[mark] = min(second, seconds.get(mark, second))
        return {mark: self._span(mark, clock.when(second)) for mark, second in seconds.items()}

    def _span(self, mark: Mark, span: Span) -> Span:
        # What a list does not tell yet may have happened, but not to a pod that was not there.
        low = max(span.low, self.absent_ns)
        high = min(span.high, self.seen_ns.get(mark, span.high))
        return Span(low, high) if low <= high else span


class Sightings:
    """Lists of pods, folded; a list that was asked for at ``empty_ns`` had none."""

    def __init__(self, empty_ns: int) -> None:
        self.pods: dict[str, Sighting] = {}
        self._last_sent_ns = empty_ns

    def add(self, sent_ns: int, received_ns: int, pods: Sequence[Pod]) -> None:
        """Take a list that was asked for and received at those ns."""
        for pod in pods:
            found = self.pods.setdefault(pod.uid, Sighting(pod, self._last_sent_ns))
            _merge(found, received_ns, pod)
        self._last_sent_ns = sent_ns

    def serving(self) -> Sighting | None:
        """Return the pod that was ready first, or made first where none is ready."""
        return min(self.pods.values(), key=_readiness, default=None)

    def is_ready(self) -> bool:
        # A copy: another thread may be adding.
        return any(Mark.READY in one.marks for one in list(self.pods.values()))


def _merge(found: Sighting, received_ns: int, pod: Pod) -> None:
    found.pod = pod
    for mark, second in pod.marks.items():
        found.seen_ns.setdefault(mark, received_ns)
        found.marks[mark] = min(second, found.marks.get(mark, second))


def _readiness(one: Sighting) -> tuple[bool, int, int, str]:
    ready_s = one.marks.get(Mark.READY)
    return ready_s is None, ready_s or 0, one.marks[Mark.POD_CREATED], one.pod.name
