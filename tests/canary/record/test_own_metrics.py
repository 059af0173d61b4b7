import math
import socket
import urllib.request

import pytest

from canary.errors import InputError
from canary.record.entry import Told
from canary.record.own_metrics import MetricsServer, OwnMetrics
from canary.rollout.actions import Note
from canary.rollout.state import Live
from tests.canary.record.story import (
    BEGAN,
    GATE_NUMBERS,
    make_finding,
    make_gap,
    make_held,
    make_interval,
    make_judged,
    make_rollout,
)

OF = {"namespace": "models", "service": "r1"}


@pytest.fixture
def metrics() -> OwnMetrics:
    return OwnMetrics()


def value(metrics: OwnMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"r1_canary_{name}", OF | labels)


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("phase", {"phase": "stepping"}, 1),
        ("phase", {"phase": "gating"}, 0),
        ("held", {"kind": "foreign"}, 1),
        ("held", {"kind": "paused"}, 0),
        ("traffic_percent", {}, 5),
        ("stage", {}, 2),
        ("began_timestamp_seconds", {}, BEGAN),
        ("last_tick_timestamp_seconds", {}, BEGAN + 60),
        ("share_ratio", {"metric": "ttft", "revision": "canary"}, 0.021),
        ("e_value", {"metric": "ttft", "test": "worse"}, math.inf),
        ("e_value", {"metric": "ttft", "test": "good"}, 4.2),
        ("e_value_threshold", {"test": "worse"}, 100),
        ("e_value_threshold", {"test": "good"}, 20),
        ("verdicts_total", {"verdict": "inconclusive"}, 1),
        ("requests_judged_total", {"revision": "canary"}, 30),
        ("requests_judged_total", {"revision": "stable"}, 570),
        ("decisions_total", {"reason": "Held"}, 1),
    ],
    ids=str,
)
def test_a_look_is_shown(metrics, name, labels, expected):
    judged = make_judged(make_finding(e_worse=math.inf))
    told = [Told(BEGAN, Note("Held", "why"))]
    metrics.record(make_held(), judged, make_interval(BEGAN, 5), told, BEGAN + 60)
    assert value(metrics, name, **labels) == expected


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("gate_prompts", {}, 200),
        ("gate_right_prompts", {"revision": "canary"}, 197),
        ("gate_right_prompts", {"revision": "stable"}, 196),
        ("gate_ttft_seconds", {"revision": "canary"}, 0.0125),
        ("gate_ttft_seconds", {"revision": "stable"}, 0.0118),
        ("gate_e_value", {"test": "good"}, 20.4),
        ("gate_e_value", {"test": "worse"}, 0.031),
    ],
    ids=str,
)
def test_the_gate_is_shown(metrics, name, labels, expected):
    told = [Told(BEGAN, Note("GateFailed", "why", numbers=GATE_NUMBERS))]
    metrics.record(make_rollout(), None, None, told, BEGAN)
    assert value(metrics, name, **labels) == expected


def test_a_gate_that_asked_nothing_shows_no_earlier_one(metrics):
    asked = Note("GateInconclusive", "why", numbers=GATE_NUMBERS | {"canary_ttft_s": None})
    metrics.record(make_rollout(), None, None, [Told(BEGAN, asked)], BEGAN)
    assert value(metrics, "gate_ttft_seconds", revision="canary") is None
    unready = Note("GateInconclusive", "why", numbers={"num_unready": 1})
    metrics.record(make_rollout(), None, None, [Told(BEGAN, unready)], BEGAN)
    assert value(metrics, "gate_right_prompts", revision="stable") is None


def test_a_look_that_saw_nothing_is_counted(metrics):
    metrics.record(make_rollout(), None, make_gap(BEGAN), [], BEGAN)
    metrics.record(make_rollout(), None, make_gap(BEGAN), [], BEGAN)
    assert value(metrics, "gaps_total") == 2


def test_a_metric_that_is_not_judged_any_more_has_no_value(metrics):
    metrics.record(make_rollout(), make_judged(make_finding("errors")), None, [], BEGAN)
    metrics.record(make_rollout(), make_judged(make_finding("ttft")), None, [], BEGAN)
    assert value(metrics, "e_value", metric="errors", test="worse") is None
    assert value(metrics, "share_ratio", metric="errors", revision="canary") is None


def test_a_share_without_events_has_no_value(metrics):
    judged = make_judged(make_finding(canary_share=None))
    metrics.record(make_rollout(), judged, None, [], BEGAN)
    assert value(metrics, "share_ratio", metric="ttft", revision="canary") is None


def test_the_stable_template_has_no_users_of_the_canary(metrics):
    metrics.record(make_rollout(known=Live("old", 100)), None, None, [], BEGAN)
    assert value(metrics, "traffic_percent") == 0


def test_the_metrics_are_served_until_the_end(metrics):
    metrics.record(make_rollout(), None, None, [], BEGAN)
    server = MetricsServer(metrics.registry, "127.0.0.1", 0)
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as answer:
        page = answer.read().decode()
    server.close()
    assert 'r1_canary_traffic_percent{namespace="models",service="r1"} 5.0' in page
    with pytest.raises(ConnectionRefusedError), socket.socket() as client:
        client.connect(("127.0.0.1", server.port))


def test_a_taken_port_is_named(metrics):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"metrics port {port} of 127.0.0.1: .*must be"):
            MetricsServer(metrics.registry, "127.0.0.1", port)
