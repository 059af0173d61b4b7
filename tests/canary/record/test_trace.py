import gzip

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from canary.errors import InputError
from canary.record.entry import Told
from canary.record.trace import RolloutTrace
from canary.rollout.state import Phase
from tests.canary.record.receiver import receive
from tests.canary.record.story import BEGAN, GATE_NUMBERS, ID, make_rollout, tell_rollback


def send(story, *, num_processes: int = 1):
    """Tell the story by so many processes in turn; return what the collector got, and was told."""
    said: list[str] = []
    with receive() as received:
        each = -(-len(story) // num_processes)
        for begin in range(0, len(story), each):
            trace = RolloutTrace(received.url, said.append)
            for scene in story[begin : begin + each]:
                told = [Told(scene.now, note) for note in scene.advance.notes]
                trace.record(scene.before, scene.advance.rollout, scene.judged, told, scene.now)
            trace.close()
    assert set(received.paths) == {"/v1/traces"}
    assert said == []
    return [span for body in received.bodies for span in spans_of(body)]


def spans_of(body: bytes):
    plain = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    request = ExportTraceServiceRequest.FromString(plain)
    (resource,) = request.resource_spans
    return resource.scope_spans[0].spans


def attributes_of(span) -> dict:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


@pytest.fixture(scope="module")
def spans():
    return send(list(tell_rollback()))


def test_the_trace_has_the_rollouts_id(spans):
    assert {span.trace_id.hex() for span in spans} == {ID}


def test_each_phase_and_stage_is_a_span_of_the_whole(spans):
    whole = spans[-1]
    assert [span.name for span in spans] == [
        "starting",
        "gating",
        "stage 1",
        "stage 2",
        "rolling_back",
        "rollout",
    ]
    assert {span.parent_span_id for span in spans[:-1]} == {whole.span_id}
    assert whole.parent_span_id == b""
    assert len({span.span_id for span in spans}) == len(spans)


def test_times_are_of_the_clusters_clock(spans):
    times = [(s.start_time_unix_nano / 1e9, s.end_time_unix_nano / 1e9) for s in spans]
    assert times[1] == (BEGAN + 20, BEGAN + 60)
    assert times[-1] == (BEGAN, BEGAN + 490)


def test_a_span_holds_the_evidence_at_its_end(spans):
    attributes = attributes_of(spans[3])
    assert attributes["r1.canary.verdict"] == "roll_back"
    assert attributes["r1.canary.e_worse.errors"] == 0.6
    assert attributes["r1.canary.percent"] == 25
    assert attributes["r1.canary.stage_requests"] == 330
    assert attributes["r1.canary.next_phase"] == "rolling_back"


def test_decisions_are_events_of_the_span_in_which_they_fell(spans):
    assert [event.name for event in spans[1].events] == ["GatePassed", "StepBegun"]
    assert {one.key for one in spans[1].events[0].attributes} == {
        "text",
        "is_warning",
        *(f"r1.canary.{name}" for name in GATE_NUMBERS),
    }


def test_a_rollback_is_an_error_of_the_whole(spans):
    assert spans[-1].status.code == 2
    assert spans[-1].status.message.startswith("ttft over 0.3 s")


def test_a_promotion_is_none():
    before, after = make_rollout(phase=Phase.PROMOTING), make_rollout(phase=Phase.PROMOTED)
    with receive() as received:
        trace = RolloutTrace(received.url, print)
        trace.record(before, after, None, [], BEGAN + 60)
        trace.close()
    (*_, whole) = spans_of(received.bodies[0])
    assert (whole.name, whole.status.code) == ("rollout", 1)


def test_a_process_that_takes_over_goes_on_in_the_same_trace(spans):
    again = send(list(tell_rollback()), num_processes=4)
    assert [(s.name, s.span_id, s.start_time_unix_nano) for s in again] == [
        (s.name, s.span_id, s.start_time_unix_nano) for s in spans
    ]


def test_a_collector_that_refuses_is_told_once_and_stops_nothing(caplog, capfd):
    said: list[str] = []
    with receive([400]) as received:
        trace = RolloutTrace(f"{received.url}/", said.append)
        trace.record(make_rollout(phase=Phase.STARTING), make_rollout(), None, [], BEGAN + 1)
        assert received.arrived.acquire(timeout=20)
        trace.record(make_rollout(phase=Phase.GATING), make_rollout(), None, [], BEGAN + 2)
        trace.close()
    assert said == ["the OTLP endpoint does not take the trace; the rollout goes on without it"]
    assert len(received.bodies) == 2
    assert (caplog.text, capfd.readouterr().err) == ("", "")


@pytest.mark.parametrize("endpoint", ["collector:4318", "grpc://collector", "http://"])
def test_an_endpoint_that_is_no_url_is_refused(endpoint):
    with pytest.raises(InputError, match="must be a URL such as"):
        RolloutTrace(endpoint, print)
