"""Hostile clients: liveness stays quick, memory small, and neighbours are served meanwhile."""

import json
import math
import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.predictor.server.gauges import IDLE, held, wait_until

MIB = 2**20
MAX_P99_S = 0.2
MAX_GROWTH_BYTES = 50 * MIB
# Address space beyond what a warm server has: arenas of threads count in full.
HEADROOM_BYTES = 1024 * MIB


@pytest.fixture(scope="module", autouse=True)
def limited(victim: Any) -> None:
    """Let the warm victim not grow without end."""
    for _ in range(3):
        ask(victim.url)
    limit = memory_bytes(victim, "VmSize") + HEADROOM_BYTES
    resource.prlimit(victim.process.pid, resource.RLIMIT_AS, (limit, limit))


def ask(url: str) -> str:
    body = {"text_input": "3*4=", "parameters": {"temperature": 0, "enable_thinking": False}}
    answer = httpx.post(f"{url}/v2/models/r1/generate", json=body, timeout=60)
    return answer.raise_for_status().json()["text_output"]


def memory_bytes(predictor: Any, name: str) -> int:
    status = Path(f"/proc/{predictor.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


@dataclass
class Watch:
    """Liveness probes, up to twenty a second on connections of their own, and peak memory."""

    latencies_s: list[float] = field(default_factory=list)
    growth_bytes: int = 0

    @property
    def p99_s(self) -> float:
        return sorted(self.latencies_s)[math.ceil(0.99 * len(self.latencies_s)) - 1]


@contextmanager
def watched(predictor: Any) -> Iterator[Watch]:
    watch, is_over = Watch(), threading.Event()
    # 5: the peak is now.
    Path(f"/proc/{predictor.process.pid}/clear_refs").write_text("5")
    before = memory_bytes(predictor, "VmRSS")

    def probe() -> None:
        while True:
            started = time.monotonic()
            with closing(HTTPConnection(predictor.url.removeprefix("http://"), timeout=60)) as live:
                live.request("GET", "/v2/health/live")
                assert live.getresponse().status == 200
            watch.latencies_s.append(time.monotonic() - started)
            if is_over.wait(0.05):
                return

    prober = threading.Thread(target=probe)
    prober.start()
    try:
        yield watch
    finally:
        is_over.set()
        prober.join()
        watch.growth_bytes = memory_bytes(predictor, "VmHWM") - before


def check(watch: Watch) -> None:
    assert watch.p99_s < MAX_P99_S, sorted(watch.latencies_s)[-5:]
    assert watch.growth_bytes < MAX_GROWTH_BYTES


def bomb(num_bytes: int, entry: str) -> bytes:
    entries = ",".join([entry] * (num_bytes // (len(entry) + 1)))
    return f'{{"inputs":[{entries}]}}'.encode()


BOMBS = {
    "0.03 MB of inputs": (bomb(30_000, "{}"), 400),
    "0.3 MB of inputs": (bomb(300_000, "{}"), 400),
    "0.9 MB of inputs": (bomb(900_000, "{}"), 400),
    "3.9 MB of inputs": (bomb(3_900_000, "{}"), 400),
    "15 MB of inputs": (bomb(15_000_000, "{}"), 413),
    "3.9 MB of lists": (bomb(3_900_000, "[]"), 400),
    "3.9 MB of numbers": (bomb(3_900_000, "1"), 400),
    "3.9 MB of one name": (bomb(3_900_000, '{"a":1,"a":1}'), 400),
    "3.9 MB of escapes": (b'{"inputs":"' + b"\\u0061" * 650_000 + b'"}', 400),
    "3.9 MB of quotes": (b'"' * 3_900_000, 400),
    "3.9 MB of depth": (b"[" * 3_900_000, 400),
    "100,000 null parameters": (
        json.dumps({"inputs": [], "parameters": dict.fromkeys(map(str, range(100_000)))}).encode(),
        400,
    ),
}


@pytest.mark.timing
@pytest.mark.parametrize(("body", "status"), BOMBS.values(), ids=BOMBS.keys())
def test_a_body_made_to_be_costly_costs_little(victim: Any, body: bytes, status: int) -> None:
    url = f"{victim.url}/v2/models/r1"
    headers = {"Content-Type": "application/json"}

    with watched(victim) as watch, httpx.Client(headers=headers, timeout=60) as client:
        answers = [
            client.post(f"{url}/{route}", content=body)
            for _ in range(3)
            for route in ("infer", "generate")
        ]

    assert {answer.status_code for answer in answers} == {status}
    assert all(len(answer.content) < 1000 for answer in answers)
    check(watch)
    assert ask(victim.url) == "12"


@pytest.mark.timing
@pytest.mark.parametrize("framing", ["Content-Length", "chunked"])
def test_a_huge_body_is_refused_readably_and_never_held(victim: Any, framing: str) -> None:
    num_bytes = 4 * MAX_GROWTH_BYTES
    header = "Transfer-Encoding: chunked"
    part = b"%x\r\n" % MIB + b" " * MIB + b"\r\n"
    if framing == "Content-Length":
        header, part = f"Content-Length: {num_bytes}", b" " * MIB
    head = f"POST /v2/models/r1/infer HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n"

    with watched(victim) as watch, connect(victim) as connection:
        connection.sendall(head.encode())
        for _ in range(num_bytes // MIB):
            connection.sendall(part)
        status = connection.recv(64)

    assert status.startswith(b"HTTP/1.1 413 ")
    check(watch)


def connect(predictor: Any) -> socket.socket:
    host, _, port = predictor.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=60)


HALF_HEAD = b"POST /v2/models/r1/infer HTTP/1.1\r\nHost: x\r\nX-Half"
HALF_BODY = b'POST /v2/models/r1/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"inputs"'


@pytest.mark.nightly
@pytest.mark.timing
def test_900_connections_that_say_nothing_more_are_closed_within_10_s(victim: Any) -> None:
    with watched(victim) as watch, ExitStack() as connections:
        silent = []
        for start in (b"", HALF_HEAD, HALF_BODY) * 300:
            connection = connections.enter_context(connect(victim))
            connection.sendall(start)
            silent.append(connection)
        opened = time.monotonic()
        answers = [ask(victim.url)]
        for connection in silent:
            connection.settimeout(20)
            while connection.recv(4096):
                pass
        elapsed_s = time.monotonic() - opened
        answers.append(ask(victim.url))

    assert answers == ["12", "12"]
    assert elapsed_s < 11
    check(watch)


@pytest.mark.timing
def test_readers_that_stop_reading_lose_their_places(victim: Any) -> None:
    options = {"ignore_eos": True, "max_tokens": 2000, "logprobs": 20, "details": True}
    body = json.dumps({"text_input": "hello", "parameters": options})
    head = f"Host: x\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    request = f"POST /v2/models/r1/generate_stream HTTP/1.1\r\n{head}".encode()
    num_before = num_left(victim)

    with watched(victim) as watch, ExitStack() as connections:
        for _ in range(16):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connections.enter_context(closing(connection))
            host, _, port = victim.url.removeprefix("http://").partition(":")
            connection.connect((host, int(port)))
            connection.sendall(request)
        wait_until(lambda: num_left(victim) == num_before + 16)
        wait_until(lambda: held(victim) == IDLE)

    check(watch)


def num_left(predictor: Any) -> float:
    """Return how many streams have ended without the end of their generation."""
    labels = 'outcome="cancelled",protocol="rest",route="generate_stream"'
    lines = httpx.get(f"{predictor.url}/metrics", timeout=60).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if labels in line)


@pytest.mark.timing
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param("X-Long: " + "a" * 33_000, id="33 kB in one"),
        pytest.param("X-Long: " + "a" * 50_000_000, id="50 MB in one"),
        pytest.param("\r\n".join(f"X-{n}: a" for n in range(101)), id="101"),
        pytest.param("\r\n".join(f"X-{n}: a" for n in range(100_000)), id="100,000"),
    ],
)
def test_too_much_of_a_head_is_a_431(victim: Any, headers: str) -> None:
    request = f"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n".encode()

    with watched(victim) as watch, connect(victim) as connection:
        # The server need not read all of it before it answers.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        answer = connection.recv(4096)

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'{"error":' in answer
    check(watch)


@pytest.mark.timing
def test_prompts_far_beyond_the_context_are_not_tokenized(victim: Any) -> None:
    body = json.dumps({"text_input": "1+1= " * 800_000}).encode()
    head = f"POST /v2/models/r1/generate HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    request = f"{head}Connection: close\r\n\r\n".encode() + body
    cpu_before_s = cpu_s(victim)

    with watched(victim) as watch, ThreadPoolExecutor(12) as clients:
        asking = [clients.submit(exchange, victim, request) for _ in range(12)]
        answer = ask(victim.url)
        answers = [asked.result() for asked in asking]

    assert answer == "12"
    assert {answer[:13] for answer in answers} == {b"HTTP/1.1 400 "}
    # One such prompt took the tokenizer 8 s.
    assert cpu_s(victim) - cpu_before_s < 5
    assert watch.p99_s < MAX_P99_S


def exchange(predictor: Any, request: bytes) -> bytes:
    """Send a request in one call: clients that work would hold up the probes in this process."""
    with connect(predictor) as connection, connection.makefile("rb") as answer:
        connection.sendall(request)
        return answer.read()


def cpu_s(predictor: Any) -> float:
    """Return the processor time that the server has taken, its engine's aside."""
    stat = Path(f"/proc/{predictor.process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, stat[11:13])) / os.sysconf("SC_CLK_TCK")


def test_heads_without_bodies_do_not_fill_the_server(victim: Any) -> None:
    with ExitStack() as connections:
        for _ in range(1100):
            connections.enter_context(connect(victim)).sendall(HALF_BODY)
        answer = ask(victim.url)

    assert answer == "12"


@pytest.mark.timing
def test_batches_of_many_rows_fill_the_server_and_no_more(victim: Any) -> None:
    prompts = {"name": "text_input", "shape": [1024], "datatype": "BYTES", "data": ["3*4="] * 1024}
    body = {"inputs": [prompts], "parameters": {"max_tokens": 1}}
    url = f"{victim.url}/v2/models/r1/infer"

    with watched(victim) as watch, ThreadPoolExecutor(16) as clients:
        answers = list(
            clients.map(lambda _: httpx.post(url, json=body, timeout=60).status_code, range(16))
        )

    assert set(answers) == {200, 503}
    assert watch.p99_s < MAX_P99_S
    assert ask(victim.url) == "12"


def test_a_client_of_http_1_0_gets_no_stream_that_it_cannot_read(victim: Any) -> None:
    body = b'{"text_input": "3*4="}'
    head = b"POST /v2/models/r1/generate_stream HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body)

    with connect(victim) as connection, connection.makefile("rb") as answer:
        connection.sendall(head + body)
        received = answer.read()

    assert received.startswith(b"HTTP/1.1 505 ")
    assert received.endswith(b'{"error":"HTTP 1.0 has no streams, must be 1.1"}')
    assert ask(victim.url) == "12"
