"""r1-loadtest as its users meet it: exit statuses, the banner, files, Ctrl-C."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest

from loadtest.__main__ import main
from loadtest.errors import ExitCode
from loadtest.record import Outcome
from loadtest.report.load import load_report
from loadtest.report.schema import KneeReport, Report
from tests.loadtest.null_servers import NullServer, null_server
from tests.predictor.server.gauges import wait_until

# A client that shares its machine with others may be late: what is tested is something else.
PATIENT = ("--lateness-limit-s=5", "--drain-s=5", "--warmup=0s")


@pytest.fixture(scope="module")
def server() -> Iterator[NullServer]:
    with null_server("--ttft=2ms", "--service=2ms", "--chunks=4", "--gap=1ms") as started:
        yield started


def run(server: NullServer, *flags: str) -> int:
    return main(["run", f"--target={server.url}", *PATIENT, *flags])


@pytest.mark.nightly
def test_gates_that_are_met_end_with_0(server: NullServer) -> None:
    gates = ("--slo=p50_ttft<4s", "--slo=error_rate<5%")

    assert run(server, "--rate=200", "--duration-s=0.6", *gates) == ExitCode.PASS


@dataclass(frozen=True, slots=True)
class Ended:
    status: int
    printed: str
    output: Path


@pytest.fixture(scope="module")
def failed(server: NullServer, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A run whose gate fails, for what every run leaves too."""
    output, printed = tmp_path_factory.mktemp("failed") / "out", io.StringIO()
    flags = ("--rate=200", "--duration-s=0.3", "--slo=p50_e2e<100us", f"--output={output}")
    with redirect_stdout(printed):
        status = run(server, *flags)
    return Ended(status, printed.getvalue(), output)


def test_a_gate_that_fails_ends_with_1(failed: Ended) -> None:
    assert failed.status == ExitCode.FAIL
    assert "FAIL         p50_e2e<100us" in failed.printed


@pytest.mark.nightly
def test_too_few_requests_to_tell_end_with_2(server: NullServer) -> None:
    assert run(server, "--rate=50", "--duration-s=0.3", "--slo=p99_e2e<4s") == 2


def test_a_client_that_is_late_ends_with_3(server: NullServer) -> None:
    flags = ("--lateness-limit-s=1e-9", "--slo=p50_e2e<4s")

    assert run(server, "--rate=100", "--duration-s=0.3", *flags) == ExitCode.SATURATED


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        pytest.param(("--rat=1",), "No such option: --rat", id="flag"),
        pytest.param(("--rate=x",), "Invalid value for '--rate'", id="type"),
        pytest.param(("--rate=-1",), "--rate is '-1.0', must be greater than 0", id="bounds"),
        pytest.param((), "rate", id="no-rate"),
        pytest.param(("--rate=1", "--slo=p99<1s"), "p99", id="gate"),
        pytest.param(("--rate=1", "--prompts=file"), "prompt_file", id="combination"),
        pytest.param(("nowhere.yaml",), "nowhere.yaml: No such file", id="workload"),
        pytest.param(("--rate=1", "--output=/"), "output is '/', which exists", id="output"),
    ],
)
def test_wrong_usage_ends_with_64_and_one_line(
    server: NullServer, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], message: str
) -> None:
    assert run(server, *flags) == ExitCode.USAGE

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("r1-loadtest: ")
    assert message in line


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        pytest.param(("--target=http://127.0.0.1:1",), "cannot connect: Connection", id="port"),
        pytest.param(("--model=other",), "no model 'other' there, it serves 'r1'", id="model"),
        pytest.param(("--path-prefix=/x",), "does not speak v2-stream", id="path"),
        pytest.param(("--target=https://{http}",), "TLS failed: ", id="tls"),
        pytest.param(("--target=http://{grpc}",), "not HTTP/1.1", id="grpc-port"),
        pytest.param(("--target=grpc://{http}", "--protocol=grpc-stream"), "", id="http-port"),
        pytest.param(
            ("--target=grpc://{grpc}", "--protocol=grpc-stream", "--model=other"),
            "no model 'other' there",
            id="grpc-model",
        ),
    ],
)
def test_a_target_that_cannot_be_loaded_ends_with_69_and_one_line(
    server: NullServer, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], message: str
) -> None:
    named = [flag.format(http=server.http, grpc=server.grpc) for flag in flags]

    assert run(server, "--rate=1", "--duration-s=1", *named) == ExitCode.UNREACHABLE

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("r1-loadtest: ")
    assert message in line


@pytest.mark.nightly
def test_target_rate_and_bounds_are_said_before_the_first_request(
    server: NullServer, capsys: pytest.CaptureFixture[str]
) -> None:
    run(server, "--rate=50", "--duration-s=0.2")

    said = capsys.readouterr().err
    assert f"Target    {server.url} (127.0.0.1, null-server" in said
    assert "Arrivals  poisson at 50 a second, seed 0" in said
    assert "Bounds    0.2 s or 10000 requests; 120 s for each, 5 s for the last" in said


@pytest.mark.parametrize(
    "protocol",
    [
        "v2-stream",
        "grpc-stream",
        *(
            pytest.param(protocol, marks=pytest.mark.nightly)
            for protocol in (
                "openai-chat-stream",
                "v2-infer",
                "v2-generate",
                "grpc-infer",
                "openai-chat",
                "openai-completions",
                "openai-completions-stream",
            )
        ),
    ],
)
def test_every_protocol_is_carried_by_two_workers(
    server: NullServer, tmp_path: Path, protocol: str
) -> None:
    target = f"grpc://{server.grpc}" if protocol.startswith("grpc-") else server.url
    output = tmp_path / "out"

    run(
        server,
        f"--target={target}",
        f"--protocol={protocol}",
        "--arrivals=constant",
        "--rate=100",
        "--duration-s=0.3",
        "--workers=2",
        f"--output={output}",
    )

    report = load_report(output)
    assert isinstance(report, Report)
    assert report.counts.outcomes == {"ok": 30}
    assert [worker.num_requests for worker in report.workers] == [15, 15]
    assert report.tokens.num_without_usage == 0
    assert np.load(output / "records.npy")["index"].tolist() == list(range(30))


def test_a_run_leaves_its_report_its_page_and_its_requests(failed: Ended) -> None:
    assert {path.name for path in failed.output.iterdir()} == {
        "report.json",
        "report.html",
        "requests.csv",
        "records.npy",
        "gaps.npy",
    }
    num_sent = json.loads((failed.output / "report.json").read_text())["counts"]["sent"]
    assert len((failed.output / "requests.csv").read_text().splitlines()) == num_sent + 1


def test_ctrl_c_writes_what_was_measured(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with null_server("--service=700ms") as slow:

        def interrupt() -> None:
            wait_until(lambda: num_requests(slow) > 5)
            os.kill(os.getpid(), signal.SIGINT)

        flags = ("--protocol=v2-infer", "--rate=50", f"--output={output}")
        with meanwhile(interrupt):
            status = main(["run", f"--target={slow.url}", *flags])

    assert_interrupted(status, output, Outcome.OK)


@pytest.mark.nightly
def test_a_second_ctrl_c_waits_for_no_answer(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with null_server("--service=5s") as slow:
        command = [sys.executable, "-m", "loadtest", "run", f"--target={slow.url}"]
        flags = ["--protocol=v2-infer", "--rate=50", f"--output={output}"]
        with subprocess.Popen([*command, *flags], stderr=subprocess.PIPE, text=True) as process:
            try:
                wait_until(lambda: num_requests(slow) > 5)
                for _ in range(2):
                    process.send_signal(signal.SIGINT)
                    assert process.stderr is not None
                    # Signals that nobody has seen yet would be one.
                    assert any("Interrupted: " in line for line in process.stderr)
                status = process.wait(20)
            finally:
                process.kill()

    assert_interrupted(status, output, Outcome.UNFINISHED)


def assert_interrupted(status: int, output: Path, last: Outcome) -> None:
    report = load_report(output)
    assert isinstance(report, Report)
    assert status == ExitCode.INTERRUPTED
    assert report.run.end == "interrupted"
    assert np.load(output / "records.npy")["outcome"][-1] == last


def test_a_worker_that_is_killed_leaves_what_was_measured(
    server: NullServer, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    before = num_requests(server)

    def kill_first_worker() -> None:
        wait_until(lambda: num_requests(server) > before + 50)
        os.kill(min(worker_pids()), signal.SIGKILL)

    with meanwhile(kill_first_worker):
        flags = ("--rate=400", "--duration-s=30", "--workers=2", f"--output={output}")
        status = run(server, *flags)

    report = load_report(output)
    assert isinstance(report, Report)
    assert status == ExitCode.SOFTWARE
    assert report.run.end == "failed"
    assert report.run.failure == "worker 0 died with exit status -9"
    assert report.counts.outcomes["ok"] > 5


def test_a_trace_of_few_lines_is_replayed(server: NullServer, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    trace.write_text('{"at_s": 0, "text": "1+1="}\n{"at_s": 0.05, "text": "2+2="}\n')
    output = tmp_path / "out"

    run(
        server,
        "--arrivals=trace",
        "--prompts=trace",
        f"--trace-file={trace}",
        f"--output={output}",
    )

    report = load_report(output)
    assert isinstance(report, Report)
    assert (report.run.end, report.counts.outcomes) == ("trace", {"ok": 2})


def test_an_output_directory_of_a_run_that_never_began_is_gone(
    server: NullServer, tmp_path: Path
) -> None:
    output = tmp_path / "out"

    run(server, "--model=other", "--rate=1", f"--output={output}")

    assert not output.exists()


def test_ctrl_c_ends_a_probe_that_is_not_answered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = f"--target=http://127.0.0.1:{silent.getsockname()[1]}"
        command = [sys.executable, "-m", "loadtest", "run", target, "--rate=1"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                connection, _ = silent.accept()
                with connection:
                    process.send_signal(signal.SIGINT)
                    status = process.wait(20)
            finally:
                process.kill()

    assert status == ExitCode.INTERRUPTED


def test_square_brackets_of_a_target_are_shown(
    server: NullServer, capsys: pytest.CaptureFixture[str]
) -> None:
    run(server, "--rate=20", "--duration-s=0.2", "--header=X-A: [/b]", "--metrics-url=foo[/b]")

    assert "foo[/b]" in capsys.readouterr().err


@pytest.mark.nightly
def test_results_are_written_though_nobody_reads_them(server: NullServer, tmp_path: Path) -> None:
    output = tmp_path / "out"
    flags = ["--rate=50", "--duration-s=0.3", f"--output={output}", *PATIENT]
    command = [sys.executable, "-m", "loadtest", "run", f"--target={server.url}", *flags]
    reading, writing = os.pipe()
    os.close(reading)

    ended = subprocess.run(command, stdout=writing, stderr=subprocess.DEVNULL, check=False)

    os.close(writing)
    assert ended.returncode == ExitCode.PASS
    assert (output / "report.html").exists()


def test_a_knee_search_refuses_settings_that_it_makes_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "workload.yaml"
    file.write_text("target: http://127.0.0.1:1\nslo: [p50_e2e<1s]\nburstiness: 2\n")

    assert main(["knee", str(file)]) == ExitCode.USAGE
    assert f"{file}:3: burstiness is not a knee search's" in capsys.readouterr().err


@pytest.mark.nightly
def test_the_knee_of_one_server_is_found(server: NullServer, tmp_path: Path) -> None:
    output = tmp_path / "out"
    with null_server("--servers=1", "--service=10ms") as queue:
        flags = ("--slo=p80_e2e<30ms", "--start=30", "--tolerance=0.1", "--max-stages=14")
        where = (f"--target={queue.url}", "--protocol=v2-infer", f"--output={output}")
        main(["knee", *where, *flags, "--lateness-limit-s=0.05", "--most-stage-s=20"])

    report = load_report(output)
    assert isinstance(report, KneeReport)
    assert report.knee_rps.value is not None
    # An M/D/1 queue's 80th percentile of sojourns is three services at a load of 0.77.
    assert 65 < report.knee_rps.value < 85


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Have a thread do something to the block."""
    thread = threading.Thread(target=act)
    thread.start()
    yield
    thread.join()


def worker_pids() -> list[int]:
    """Return the workers' of a run in this process; ids rise in the order of their start."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [
        int(pid)
        for pid in children
        if b"\0loadtest.run\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def num_requests(server: NullServer) -> int:
    page = httpx.get(f"{server.url}/metrics").text
    (sample,) = re.findall(r"^nullserver_requests_total (\S+)", page, re.MULTILINE)
    return int(float(sample))
