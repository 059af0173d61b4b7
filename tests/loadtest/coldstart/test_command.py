"""r1-loadtest coldstart against a real API server; the test plays kubelet and activator."""

import math
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtest.coldstart.pods import Mark
from loadtest.commands.coldstart import coldstart
from loadtest.errors import ExitCode, TargetError, UsageError
from loadtest.report.coldstart_schema import ColdStart, ColdStartReport
from tests.loadtest.coldstart.activator import activator
from tests.loadtest.coldstart.conftest import SERVICE
from tests.loadtest.coldstart.kubelet import Kubelet
from tests.loadtest.coldstart.test_cluster import KUBECONFIG as UNREACHABLE
from tests.loadtest.null_servers import NullServer, null_server

# Nobody listens there.
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def server() -> Iterator[NullServer]:
    with null_server("--ttft=20ms", "--chunks=4", "--gap=1ms") as started:
        yield started


def probe(kubelet: Kubelet, target: str, **flags: Any) -> int:
    return coldstart(
        inference_service=SERVICE,
        kubeconfig=kubelet.kubeconfig,
        target=target,
        **{"namespace": kubelet.namespace, "times": 1, **flags},
    )


def report_in(directory: Path) -> ColdStartReport:
    return ColdStartReport.model_validate_json((directory / "report.json").read_text())


def holds(start: ColdStart, mark: Mark, kubelet: Kubelet) -> bool:
    """Whether a moment lies where it really was, from the pod's creation on."""
    at = {moment.name: moment for moment in start.moments}
    (created, is_created), (begun, ended) = kubelet.true_ns[Mark.POD_CREATED], kubelet.true_ns[mark]
    least_s = at[mark].low_s - at[Mark.POD_CREATED].high_s
    most_s = at[mark].high_s - at[Mark.POD_CREATED].low_s
    return least_s <= (ended - created) / 1e9 and (begun - is_created) / 1e9 <= most_s


@pytest.mark.timing
def test_split_holds_what_really_happened(
    kubelet: Kubelet, server: NullServer, tmp_path: Path
) -> None:
    kubelet.make_service(minReplicas=0)
    output = tmp_path / "out"

    with activator(server.http, lambda: kubelet.bring_up(0.15)) as target:
        status = probe(kubelet, target, output=output, slo=["max_ttft<60s"])

    (start,) = report_in(output).starts
    assert status == ExitCode.PASS
    assert start.remarks == []
    assert [phase.name for phase in start.phases][1:4] == [
        "activation",
        "scheduling",
        "initialization",
    ]
    assert all(holds(start, mark, kubelet) for mark in kubelet.true_ns)
    # Eight pauses and what the server takes.
    assert start.ttft_s is not None
    assert start.ttft_s > 1.2
    # Two lists apart at most, however coarse Kubernetes' times are.
    activation = start.phases[1]
    assert activation.low is not None
    assert activation.high is not None
    assert activation.high - activation.low < 1
    # One answer alone would leave a second and its round trip.
    assert start.clock_skew_s.low is not None
    assert start.clock_skew_s.high is not None
    assert start.clock_skew_s.high - start.clock_skew_s.low < 0.8


def test_pod_that_is_said_to_be_ready_after_its_answer_is_waited_for(
    kubelet: Kubelet, server: NullServer, tmp_path: Path
) -> None:
    kubelet.make_service(minReplicas=0)
    output = tmp_path / "out"

    pods: list[Any] = []

    def say_ready() -> None:
        kubelet.say_condition(pods[0], Mark.READY, "Ready")

    with activator(server.http, lambda: pods.append(kubelet.make_pod()), say_ready) as target:
        probe(kubelet, target, output=output)

    (start,) = report_in(output).starts
    assert start.e2e_s is not None
    assert Mark.READY in [moment.name for moment in start.moments]


def test_stream_of_grpc_is_probed_too(kubelet: Kubelet, server: NullServer, tmp_path: Path) -> None:
    kubelet.make_service(minReplicas=0)
    output = tmp_path / "out"

    with activator(server.grpc, lambda: kubelet.bring_up(0.01)) as target:
        url = target.replace("http:", "grpc:")
        probe(kubelet, url, output=output, protocol="grpc-stream", slo=["max_ttft<60s"])

    (start,) = report_in(output).starts
    assert (start.outcome, start.is_cold) == ("ok", True)


@pytest.mark.nightly
@pytest.mark.timing
def test_service_is_left_alone_until_it_is_scaled_to_zero_again(
    kubelet: Kubelet, server: NullServer, tmp_path: Path
) -> None:
    kubelet.make_service(minReplicas=0)
    output = tmp_path / "out"

    def remove_later() -> None:
        threading.Timer(0.7, kubelet.remove_pods).start()

    with activator(server.http, lambda: kubelet.bring_up(0.01), remove_later) as target:
        probe(kubelet, target, output=output, times=2)

    first, second = report_in(output).starts
    assert (first.is_cold, second.is_cold) == (True, True)
    assert first.waited_s < 0.7 < second.waited_s


@pytest.mark.parametrize(
    ("slo", "code"),
    [("max_ttft<1ms", ExitCode.FAIL), ("p50_ttft<60s", ExitCode.INSUFFICIENT)],
    ids=["not-met", "too-few"],
)
def test_gate_decides_the_exit_status(
    kubelet: Kubelet, server: NullServer, slo: str, code: ExitCode
) -> None:
    kubelet.make_service(minReplicas=0)

    with activator(server.http, lambda: kubelet.bring_up(0.01)) as target:
        assert probe(kubelet, target, slo=[slo]) == code


@pytest.mark.nightly
def test_pod_that_never_comes_up_is_insufficient_and_says_where_it_stood(
    kubelet: Kubelet, server: NullServer, tmp_path: Path
) -> None:
    kubelet.make_service(minReplicas=0)
    output, is_over = tmp_path / "out", threading.Event()

    def wake() -> None:
        kubelet.make_pod()
        is_over.wait(20)

    with activator(server.http, wake) as target:
        status = probe(kubelet, target, output=output, timeout_s=0.5)
        is_over.set()

    (start,) = report_in(output).starts
    assert status == ExitCode.INSUFFICIENT
    assert (start.outcome, start.ttft_s) == ("timeout", None)
    assert (start.phases[-1].name, start.phases[-1].is_finished) == ("scheduling", False)


def test_target_rate_and_bounds_are_said_before_the_request(
    kubelet: Kubelet, server: NullServer, capsys: pytest.CaptureFixture[str]
) -> None:
    kubelet.make_service(minReplicas=0)

    with activator(server.http, lambda: kubelet.bring_up(0.01)) as target:
        probe(kubelet, target, slo=["max_ttft<60s"])

    printed = capsys.readouterr()
    assert f"Target    {target} (127.0.0.1)" in printed.err
    assert f"Service   r1 in namespace {kubelet.namespace}, Knative mode" in printed.err
    assert "Bounds    1 cold starts in 7200 s" in printed.err
    assert "1 of 1: scaled to zero after 0 s, sending" in printed.err
    assert "first token in all" in printed.out
    assert "PASS: 1 of 1 cold starts" in printed.out


def test_service_that_stays_up_is_sent_nothing_and_named(
    kubelet: Kubelet, server: NullServer
) -> None:
    kubelet.make_service(minReplicas=0)
    kubelet.make_pod("r1-stays")

    with (
        activator(server.http, lambda: pytest.fail("a request was sent")) as target,
        pytest.raises(TargetError, match=r"not scaled to zero after 0.1 s: pod r1-stays is there"),
    ):
        probe(kubelet, target, zero_timeout_s=0.1)


@pytest.mark.parametrize(
    ("bound", "end", "code", "reason"),
    [
        pytest.param({"total_s": 0.2}, "duration", ExitCode.PASS, "the 0.2 s for all", id="total"),
        pytest.param(
            {"zero_timeout_s": 0.2}, "failed", ExitCode.UNREACHABLE, "after 0.2 s: pod", id="zero"
        ),
    ],
)
@pytest.mark.nightly
def test_bound_that_ends_it_early_keeps_what_was_measured(
    kubelet: Kubelet,
    server: NullServer,
    tmp_path: Path,
    bound: dict[str, float],
    end: str,
    code: ExitCode,
    reason: str,
) -> None:
    kubelet.make_service(minReplicas=0)
    output = tmp_path / "out"

    with activator(server.http, lambda: kubelet.bring_up(0.05)) as target:
        status = probe(kubelet, target, output=output, times=2, **bound)

    report = report_in(output)
    assert (status, report.run.end, len(report.starts)) == (code, end, 1)
    assert reason in report.reason


@pytest.mark.nightly
def test_ctrl_c_writes_what_was_measured(
    kubelet: Kubelet, server: NullServer, tmp_path: Path
) -> None:
    kubelet.make_service(minReplicas=0)
    output = tmp_path / "out"

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with activator(server.http, lambda: kubelet.bring_up(0.01), interrupt) as target:
        status = probe(kubelet, target, output=output, times=3)

    report = report_in(output)
    assert status == ExitCode.INTERRUPTED
    assert (len(report.starts), report.run.end) == (1, "interrupted")


def test_model_that_is_not_there_ends_it_after_one_request(
    kubelet: Kubelet, server: NullServer
) -> None:
    kubelet.make_service(minReplicas=0)

    with (
        activator(server.http, lambda: kubelet.bring_up(0.01)) as target,
        pytest.raises(TargetError, match=r"the first request was refused: HTTP 404"),
    ):
        probe(kubelet, target, model="other", times=3)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        pytest.param({"protocol": "v2-infer"}, "--protocol is v2-infer, must be one", id="unary"),
        pytest.param({"slo": ["p99_gap<1s"]}, "gap is not of cold starts", id="gate"),
        pytest.param({"inference_service": ""}, "--inference-service is missing", id="service"),
        pytest.param({"timeout_s": math.inf}, "--timeout-s is 'inf', must be a finite", id="inf"),
        pytest.param({"prefix_groups": 2}, "prefix_groups is 2, has no effect", id="combination"),
    ],
)
def test_wrong_usage_is_said_before_the_cluster_is_asked(
    flags: dict[str, Any], message: str, tmp_path: Path
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(UNREACHABLE)

    with pytest.raises(UsageError, match=message):
        coldstart(
            **{"inference_service": "r1", "kubeconfig": kubeconfig, "target": NOWHERE, **flags}
        )


def test_setting_of_a_load_in_a_workload_file_is_refused_with_its_line(tmp_path: Path) -> None:
    workload = tmp_path / "load.yaml"
    workload.write_text(f"target: {NOWHERE}\nrate: 5\n")

    with pytest.raises(UsageError, match=r"load.yaml:2: rate is not a cold start's"):
        coldstart(workload, inference_service="r1")


def test_target_that_cannot_be_reached_is_said_before_any_wait(kubelet: Kubelet) -> None:
    with pytest.raises(TargetError, match=f"{NOWHERE}: cannot connect: Connection refused"):
        probe(kubelet, NOWHERE)
