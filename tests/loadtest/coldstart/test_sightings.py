"""Lists of pods, folded."""

from loadtest.coldstart.clock import SECOND_NS, ServerClock, Span
from loadtest.coldstart.pods import ImageEvents, Mark, Pod
from loadtest.coldstart.sightings import Sighting, Sightings

# The server's clock is CLOCK_MONOTONIC, known exactly.
CLOCK = ServerClock(0, 0, 0, 1)
MS = SECOND_NS // 1000


def pod(name: str = "a", **seconds: int) -> Pod:
    marks = {Mark[mark.upper()]: second for mark, second in seconds.items()}
    return Pod(name, name, marks, 0, is_terminating=False)


def seen(*lists: tuple[int, list[Pod]]) -> Sightings:
    """Fold lists, each asked for at those ms and received 100 ms later; at 0 there is no pod."""
    sightings = Sightings(0)
    for sent_ms, pods in lists:
        sightings.add(sent_ms * MS, (sent_ms + 100) * MS, pods)
    return sightings


def serving(*lists: tuple[int, list[Pod]]) -> Sighting:
    found = seen(*lists).serving()
    assert found is not None
    return found


def test_nothing_serves_before_a_pod_is_seen() -> None:
    assert seen((0, []), (200, [])).serving() is None


def test_creation_lies_between_the_lists_without_and_with_the_pod() -> None:
    found = serving((4000, []), (4200, []), (4400, [pod(pod_created=4)]))

    assert found.spans(CLOCK, ImageEvents())[Mark.POD_CREATED] == Span(4200 * MS, 4500 * MS)


def test_condition_lies_within_its_second_and_before_it_was_seen() -> None:
    lists = [(4000, []), (4200, [pod(pod_created=4)]), (4400, [pod(pod_created=4, scheduled=4)])]

    found = serving(*lists).spans(CLOCK, ImageEvents())

    # It may have happened before the list that does not tell of it yet.
    assert found[Mark.SCHEDULED] == Span(4000 * MS, 4500 * MS)


def test_second_stands_where_what_was_seen_contradicts_it() -> None:
    lists = [(4000, []), (4200, [pod(pod_created=4, ready=7)])]

    assert serving(*lists).spans(CLOCK, ImageEvents())[Mark.READY] == Span(7000 * MS, 8000 * MS)


def test_first_time_of_a_condition_counts_and_outlives_the_pod() -> None:
    first, again = pod(pod_created=4, ready=6), pod(pod_created=4, ready=9)

    found = serving((4000, []), (6500, [first]), (9500, [again]), (9900, []))

    assert found.marks[Mark.READY] == 6
    assert found.spans(CLOCK, ImageEvents())[Mark.READY].high == 6600 * MS


def test_earlier_start_of_an_event_counts() -> None:
    found = serving((4000, []), (6500, [pod(pod_created=4, started=6)]))

    events = ImageEvents({Mark.STARTED: 5})

    assert found.spans(CLOCK, events)[Mark.STARTED] == Span(5000 * MS, 6000 * MS)


def test_of_two_pods_the_one_that_is_ready_first_serves() -> None:
    early, late = pod("b", pod_created=4, ready=9), pod("a", pod_created=5, ready=8)

    assert serving((4000, []), (9500, [early, late])).pod.name == "a"


def test_of_pods_that_are_not_ready_the_first_made_counts() -> None:
    pods = [pod("a", pod_created=6), pod("b", pod_created=5)]

    assert serving((4000, []), (9500, pods)).pod.name == "b"
