import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prometheus_client.parser import text_string_to_metric_families

from loadtest.errors import LoadtestError, UsageError
from loadtest.report.push import push
from loadtest.report.schema import Interval, KneeReport, Percentile, Report, Verdict
from tests.loadtest.report.example import make_knee, make_report
from tests.manifests.ports import free_ports

GATEWAY = "prometheus-pushgateway"
GROUP = "/metrics/job/r1_loadtest/instance/127.0.0.1%3A8080"


class Receiver(BaseHTTPRequestHandler):
    """Keeps what is pushed by path, as the gateway does."""

    server: "Gateway"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.pages[self.path] = body.decode()
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Gateway(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.pages: dict[str, str] = {}
        self.status = HTTPStatus.OK

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def samples(page: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Values by name and label values, in order of the labels' names."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def make_pushed() -> Report:
    report = make_report(num_requests=50, verdict=Verdict.INSUFFICIENT)
    counts = report.counts.model_copy(update={"outcomes": {"ok": 590, "overloaded": 9}})
    ttft = report.distributions["ttft"].model_copy(
        update={
            "mean": Interval(value=0.07, low=0.06, high=0.08),
            "percentiles": [
                Percentile(percent=99.9, value=0.8, low=0.7, high=None, is_sufficient=False)
            ],
        }
    )
    chunk = report.distributions["tokens_per_chunk"].model_copy(
        update={"mean": Interval(value=1.5, low=1.4, high=1.6), "percentiles": []}
    )
    rates = report.rates.model_copy(
        update={"sent_rps": 10.2, "error_rate": Interval(value=0.01, low=0.005, high=0.02)}
    )
    run = report.run.model_copy(update={"started_at": "2026-01-02T03:04:05+00:00"})
    return report.model_copy(
        update={
            "run": run,
            "counts": counts,
            "rates": rates,
            "distributions": {"ttft": ttft, "tokens_per_chunk": chunk},
        }
    )


EXPECTED = {
    "outcome": ("requests", ("ok",), 590),
    "another outcome": ("requests", ("overloaded",), 9),
    "rate": ("sent_requests_per_second", (), 10.2),
    "share": ("error_ratio", ("value",), 0.01),
    "bound of a share": ("error_ratio", ("high",), 0.02),
    "mean": ("ttft_seconds", ("value", "mean"), 0.07),
    "percentile": ("ttft_seconds", ("value", "p99.9"), 0.8),
    "bound of a percentile": ("ttft_seconds", ("low", "p99.9"), 0.7),
    "no seconds": ("tokens_per_chunk", ("value", "mean"), 1.5),
    "verdict": ("verdict", ("insufficient",), 1),
    "another verdict": ("verdict", ("pass",), 0),
    "exit code": ("exit_code", (), 2),
    "gate": ("gate_verdict", ("p99_ttft<500ms", "insufficient"), 1),
    "another gate": ("gate_verdict", ("p50_e2e<2s", "insufficient"), 0),
    "begin": ("started_timestamp_seconds", (), 1_767_323_045),
    "run": ("run_info", ("7f3a9c", "r1", "v2-stream", "0.1.0"), 1),
}


@pytest.mark.parametrize(("name", "labels", "value"), EXPECTED.values(), ids=EXPECTED)
def test_a_run_is_pushed_as_gauges_with_their_units(
    gateway: Gateway, name: str, labels: tuple[str, ...], value: float
) -> None:
    push(make_pushed(), gateway.url)

    assert samples(gateway.pages[GROUP])[f"r1_loadtest_{name}", labels] == value


UNKNOWN = {
    "bound": ("r1_loadtest_ttft_seconds", ("high", "p99.9")),
    "rate": ("r1_loadtest_prompt_tokens_per_second", ()),
}


@pytest.mark.parametrize("key", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_known_is_left_out_and_not_zero(
    gateway: Gateway, key: tuple[str, tuple[str, ...]]
) -> None:
    report = make_pushed()
    rates = report.rates.model_copy(update={"prompt_tokens_per_s": None})

    push(report.model_copy(update={"rates": rates}), gateway.url)

    assert key not in samples(gateway.pages[GROUP])


def test_a_knee_is_pushed_with_its_bounds(gateway: Gateway) -> None:
    push(make_knee(), gateway.url)

    pushed = samples(gateway.pages[GROUP])
    name = "r1_loadtest_knee_requests_per_second"
    assert [pushed[name, (bound,)] for bound in ("low", "value", "high")] == [44.1, 46.2, 48.0]


def test_a_gateway_that_refuses_is_named_in_one_line(gateway: Gateway) -> None:
    gateway.status = HTTPStatus.BAD_REQUEST

    with pytest.raises(LoadtestError) as caught:
        push(make_pushed(), gateway.url)

    assert str(caught.value) == f"pushgateway {gateway.url} did not take the results: status 400"


def test_a_gateway_that_is_not_there_is_named_in_one_line() -> None:
    url = "http://127.0.0.1:1"

    with pytest.raises(LoadtestError) as caught:
        push(make_pushed(), url)

    assert str(caught.value) == f"pushgateway {url} did not take the results: Connection refused"


def test_proxies_of_the_environment_are_not_used(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    push(make_pushed(), gateway.url)

    assert list(gateway.pages) == [GROUP]


BAD = {
    "no scheme": ("127.0.0.1:9091", "pushgateway is '127.0.0.1:9091', must be http:// or https://"),
    "another scheme": ("ftp://127.0.0.1", "must be http:// or https:// with a host"),
    "no port": ("http://127.0.0.1:x", "must be http:// or https:// with a host"),
    "user": ("http://me:secret@127.0.0.1", "pushgateway of 127.0.0.1 has a user, must have none"),
}


@pytest.mark.parametrize(("url", "message"), BAD.values(), ids=BAD)
def test_what_is_no_url_is_refused(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        push(make_pushed(), url)


@pytest.mark.skipif(
    shutil.which(GATEWAY) is None, reason=f"{GATEWAY} is missing: apt-get install {GATEWAY}"
)
@pytest.mark.parametrize("report", [make_pushed(), make_knee()], ids=["run", "knee"])
def test_a_real_pushgateway_takes_it_and_shows_it(
    real_gateway: str, report: Report | KneeReport
) -> None:
    push(report, real_gateway)

    with urllib.request.urlopen(f"{real_gateway}/metrics") as page:
        pushed = samples(page.read().decode())
    name = "r1_loadtest_exit_code"
    assert pushed[name, ("127.0.0.1:8080", "r1_loadtest")] == report.exit_code


@pytest.fixture
def real_gateway() -> Iterator[str]:
    (port,) = free_ports(1)
    command = [GATEWAY, f"--web.listen-address=127.0.0.1:{port}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            await_port(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline_s:
        with closing(socket.socket()) as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
    pytest.fail(f"{GATEWAY} does not listen on {port}")
