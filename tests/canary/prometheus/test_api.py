"""Answers that no healthy Prometheus gives."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from canary.errors import InputError, Unreachable
from canary.plan import Prometheus as Settings
from canary.prometheus import PrometheusReader
from canary.samples import Gap
from tests.canary.closed_port import closed_port

# Where the next reading begins: at the same start, or after the interval.
SAME, NEXT = 1000.0, 1030.0
TOKENS: list[str | None] = []


@contextmanager
def answering(status: int, body: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            TOKENS.append(self.headers["Authorization"])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def success(*result: object, kind: str = "matrix", **more: object) -> str:
    data = {"resultType": kind, "result": result}
    return json.dumps({"status": "success", "data": data} | more)


def entry(*values: object) -> dict[str, object]:
    return {"metric": {"__name__": "a_total"}, "values": values}


@pytest.mark.parametrize(
    ("status", "body", "reason", "end"),
    [
        pytest.param(503, "down", "answers 503 and no JSON", SAME, id="down"),
        pytest.param(200, "<html>", "answers 200 and no JSON", SAME, id="login page"),
        pytest.param(200, "[]", "answers 200", NEXT, id="list"),
        pytest.param(
            422,
            '{"status": "error", "error": "too many"}',
            "answers 422: too many",
            NEXT,
            id="error",
        ),
        pytest.param(200, '{"status": "error"}', "answers 200", NEXT, id="error without a word"),
        pytest.param(
            200,
            success(warnings=["store b is away"]),
            "partial: store b is away",
            SAME,
            id="warning",
        ),
        pytest.param(200, '{"status": "success"}', "has not the form", NEXT, id="no data"),
        pytest.param(200, success(kind="scalar"), "answers with a scalar", NEXT, id="scalar"),
        pytest.param(200, success({}), "has not the form", NEXT, id="no metric"),
        pytest.param(200, success(entry([1, "x"])), "has not the form", NEXT, id="no number"),
        pytest.param(200, success(entry([2, "1"], [1, "1"])), "do not rise", NEXT, id="times"),
        pytest.param(
            200, success(entry([1, "1"]), entry([1, "1"])), "comes twice", NEXT, id="twice"
        ),
        pytest.param(
            200, success({"metric": {}, "histograms": []}), "native histogram", NEXT, id="histogram"
        ),
    ],
)
def test_an_answer_that_cannot_be_trusted_is_a_gap(
    status: int, body: str, reason: str, end: float
) -> None:
    with answering(status, body) as url, closing(PrometheusReader(Settings(url=url))) as reader:
        gap = reader.read([], "r2", "r1", 1000.0, 1030.0)
    assert isinstance(gap, Gap)
    assert reason in gap.reason
    assert (gap.start, gap.end) == (1000.0, end)


def test_what_is_no_prometheus_tells_no_time() -> None:
    with (
        answering(200, success()) as url,
        closing(PrometheusReader(Settings(url=url))) as reader,
        pytest.raises(Unreachable, match="does not tell the time"),
    ):
        reader.now()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(200, success(kind="scalar", warnings=["a store is down"]), id="partial"),
        pytest.param(422, '{"status": "error", "error": "no"}', id="refused"),
    ],
)
def test_a_time_that_cannot_be_trusted_is_none(status: int, body: str) -> None:
    with (
        answering(status, body) as url,
        closing(PrometheusReader(Settings(url=url))) as reader,
        pytest.raises(Unreachable),
    ):
        reader.now()


def test_a_refused_token_is_unreachable() -> None:
    with (
        answering(403, '{"error": "no"}') as url,
        closing(PrometheusReader(Settings(url=url))) as reader,
        pytest.raises(Unreachable, match="answers 403: no"),
    ):
        reader.now()


def test_the_token_is_read_at_each_request(tmp_path: Path) -> None:
    file = tmp_path / "token"
    TOKENS.clear()
    with answering(200, success(1, "5", kind="scalar")) as url:
        settings = Settings(url=url, bearer_token_file=str(file))
        with closing(PrometheusReader(settings)) as reader:
            for token in ("first", "second"):
                file.write_text(f"{token}\n")
                assert reader.now() == 5
    assert TOKENS == ["Bearer first", "Bearer second"]


def test_a_token_file_that_is_missing_is_unreachable_and_named() -> None:
    settings = Settings(bearer_token_file="/none")
    with (
        closing(PrometheusReader(settings)) as reader,
        pytest.raises(Unreachable, match="bearer_token_file is /none: No such file"),
    ):
        reader.now()


def test_certificates_that_are_missing_are_refused() -> None:
    with pytest.raises(InputError, match="ca_file is /none: No such file"):
        PrometheusReader(Settings(ca_file="/none"))


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda reader: reader.check([], "r1", interval_s=30), id="check"),
        pytest.param(lambda reader: reader.now(), id="now"),
        pytest.param(lambda reader: reader.rate(["r1"], 60), id="rate"),
        pytest.param(lambda reader: reader.defaults_digest(["r1"]), id="digest"),
    ],
)
def test_a_prometheus_that_is_not_there_is_unreachable(
    ask: Callable[[PrometheusReader], object],
) -> None:
    with (
        closed_port() as port,
        closing(PrometheusReader(Settings(url=f"http://127.0.0.1:{port}"))) as reader,
        pytest.raises(Unreachable, match=f"127.0.0.1:{port} does not answer: ConnectError"),
    ):
        ask(reader)
