"""An ended request and what was seen of the pods, as the report tells it."""

from datetime import UTC, datetime

import pytest

from loadtest.coldstart.clock import SECOND_NS, ServerClock, Span
from loadtest.coldstart.measurement import Seen, measure
from loadtest.coldstart.pods import ImageEvents, Mark, Pod
from loadtest.coldstart.sightings import Sightings
from loadtest.config import RunConfig
from loadtest.exchange import Exchange
from loadtest.prompts.prompt import Message, Prompt
from loadtest.record import NEVER, Outcome
from loadtest.report.coldstart_schema import ColdStart
from loadtest.wire.make import make_wire
from tests.loadtest.coldstart.lists import pod

UP = {"pod_created": 11, "scheduled": 12, "initialized": 12, "started": 15, "ready": 19}
WIRE = make_wire(RunConfig(target="http://127.0.0.1:1"))
CLOCK = ServerClock(0, 0, 0, 40)


def exchange(outcome: Outcome = Outcome.OK, first_chunk_s: float = 21.0) -> Exchange:
    return Exchange(
        index=1,
        prompt=Prompt((Message("user", ""),)),
        body=b"",
        wire=WIRE,
        scheduled=10 * SECOND_NS,
        on_done=lambda _: None,
        started=10 * SECOND_NS,
        outcome=outcome,
        first_chunk=int(first_chunk_s * SECOND_NS) if first_chunk_s > 0 else NEVER,
        finished=22 * SECOND_NS,
    )


def at(second: float) -> Span:
    return Span(int(second * SECOND_NS), int(second * SECOND_NS))


ANSWERED = {
    Mark.BEGUN: at(10),
    Mark.CONNECTED: at(10.01),
    Mark.FIRST_BYTE: at(20.5),
    Mark.FIRST_CHUNK: at(21),
}
GIVEN_UP = {Mark.BEGUN: at(10), Mark.CONNECTED: at(10.01), Mark.ENDED: at(22)}


def seen(
    *pods: Pod, events: ImageEvents | None = None, clock: ServerClock = CLOCK, empty_s: float = 9.9
) -> Seen:
    """Return one list with those pods, which came at 30 s; at ``empty_s`` there were none."""
    sightings = Sightings(int(empty_s * SECOND_NS))
    sightings.add(30 * SECOND_NS, 30 * SECOND_NS, pods)
    started_at = datetime(2026, 1, 2, tzinfo=UTC)
    return Seen(sightings, clock, events, started_at, waited_s=60.0, wall_ns=-SECOND_NS)


def answered(found: Seen) -> ColdStart:
    return measure(1, exchange(), ANSWERED, found)


def test_cold_start_is_split_to_the_first_token() -> None:
    events = ImageEvents({Mark.PULLING: 13, Mark.PULLED: 14}, was_present=False)

    start = answered(seen(pod(**UP), events=events))

    assert [phase.name for phase in start.phases] == [
        "connect",
        "activation",
        "scheduling",
        "initialization",
        "preparation",
        "pull",
        "start",
        "load",
        "forward",
        "first_token",
    ]
    assert sum(phase.value or 0 for phase in start.phases) == pytest.approx(start.ttft_s)
    assert (start.ttft_s, start.e2e_s, start.image_was_present) == (11.0, 12.0, False)
    assert (start.is_cold, start.pod, start.remarks) == (True, "r1-a", [])


def test_load_is_from_the_containers_start_to_ready_within_a_second_each() -> None:
    (load,) = [one for one in answered(seen(pod(**UP))).phases if one.name == "load"]

    assert (load.low, load.value, load.high) == (3.0, 4.0, 5.0)


def test_skew_is_the_servers_clock_less_this_machines() -> None:
    skew = answered(seen(pod(**UP), clock=ServerClock(0, SECOND_NS // 2, 0, 40))).clock_skew_s

    assert (skew.low, skew.value, skew.high) == (1.0, 1.25, 1.5)


def test_server_whose_clock_is_ahead_moves_the_moments_back() -> None:
    ahead = ServerClock(5 * SECOND_NS, 5 * SECOND_NS, 0, 40)
    later = pod(**{mark: second + 5 for mark, second in UP.items()})

    assert answered(seen(later, clock=ahead)).moments == answered(seen(pod(**UP))).moments


def test_pod_made_before_the_request_makes_no_cold_start() -> None:
    start = answered(seen(pod(**{**UP, "pod_created": 8}), events=ImageEvents(), empty_s=8.0))

    assert not start.is_cold
    assert start.remarks == [
        "A pod was made before the request: somebody else had woken the service."
    ]
    assert [phase.name for phase in start.phases][-1] == "first_token"


def test_answer_without_any_pod_is_no_cold_start() -> None:
    start = answered(seen())

    assert (start.is_cold, start.pod) == (False, None)
    assert start.remarks == [
        "No pod of the service was seen: nothing was started for this request."
    ]


def test_pod_that_is_never_ready_leaves_the_phase_it_was_in() -> None:
    half = pod(pod_created=11, scheduled=12, initialized=12, started=15)
    timed_out = exchange(Outcome.TIMEOUT, first_chunk_s=-1)

    start = measure(1, timed_out, GIVEN_UP, seen(half, events=ImageEvents()))

    assert (start.outcome, start.ttft_s, start.e2e_s) == ("timeout", None, None)
    assert (start.phases[-1].name, start.phases[-1].is_finished) == ("load", False)
    assert start.remarks == ["No pod was ready."]


@pytest.mark.parametrize(
    ("found", "remark"),
    [
        pytest.param(
            seen(pod(**UP), pod("r1-b", pod_created=12), events=ImageEvents()),
            "2 pods were started; the split is of the one that was ready first.",
            id="two-pods",
        ),
        pytest.param(
            seen(Pod("a", "a", pod(**UP).marks, 2, is_terminating=False), events=ImageEvents()),
            "The model's container restarted 2 times: load begins with its first start that is "
            "known.",
            id="restarted",
        ),
        pytest.param(
            seen(pod(**UP)),
            "No permission to list events: the pull is told with what is beside it.",
            id="no-events",
        ),
        pytest.param(
            seen(
                pod(**UP),
                events=ImageEvents(),
                clock=ServerClock(0, 2 * SECOND_NS, 2 * SECOND_NS, 9),
            ),
            "Answers of the API server disagree on its clock by 2 s.",
            id="clocks",
        ),
        pytest.param(
            seen(pod(**{**UP, "ready": 25}), events=ImageEvents()),
            "Ready was recorded 4.5 s after the answer had begun: load ends with it instead.",
            id="late-ready",
        ),
        pytest.param(
            seen(pod(**{**UP, "started": 2}), events=ImageEvents()),
            "started is recorded on the wrong side of connected by 7.01 s: the clocks of the "
            "cluster's machines disagree.",
            id="node-behind",
        ),
    ],
)
def test_what_makes_a_split_less_sure_is_said(found: Seen, remark: str) -> None:
    assert remark in answered(found).remarks
