"""What somebody without credentials can make the front hold, and hear from it."""

import re
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from predictor.config import Limits
from tests.manifests.single_host.backends import Backend
from tests.manifests.single_host.front import Front

MAX_BODY_BYTES = Limits().max_body_bytes
OPEN = "/v2/health/ready"
HEAD = b"POST %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
DECLARED = b"Content-Length: %d\r\n\r\n" % MAX_BODY_BYTES
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
# A gRPC message has 5 bytes before it.
ALMOST_ALL = b"x" * (MAX_BODY_BYTES - 5)


@pytest.fixture(scope="module")
def lone_front(start_front: Callable[..., Front]) -> Front:
    """A front whose strangers are those of this module, before predictors that are down."""
    front = start_front([None] * 4, {"worker_processes 2;": "worker_processes 1;"})
    # What it loads with its first requests is not a body.
    with front.client({}) as client:
        assert [client.get(path).status_code for path in ("/v2", OPEN)] == [401, 502]
    return front


def forget_peak(front: Front) -> int:
    """Return what its worker holds now, in KiB, from which its peak counts."""
    (pid,) = front.workers()
    # https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return peak_kib(front)


def peak_kib(front: Front) -> int:
    (pid,) = front.workers()
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(peak)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v2/models/r1/infer", 401), ("/", 404), ("/inference.GRPCInferenceService/ModelInfer", 401)],
    ids=["REST", "not served", "gRPC"],
)
@pytest.mark.parametrize(
    "body",
    [DECLARED + ALMOST_ALL, CHUNKED + b"%x\r\n" % MAX_BODY_BYTES + ALMOST_ALL],
    ids=["declared", "chunked"],
)
def test_no_body_is_held_before_credentials_are_checked(
    lone_front: Front, path: str, status: int, body: bytes
) -> None:
    held_kib = hold(lone_front, HEAD % path.encode() + body, status)

    assert held_kib < 1024


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (DECLARED + ALMOST_ALL, 413),
        (CHUNKED + b"%x\r\n" % MAX_BODY_BYTES + ALMOST_ALL, 413),
        (CHUNKED + b"1;" + ALMOST_ALL + b"\r\n \r\n0\r\n\r\n", 502),
    ],
    ids=["declared", "chunked", "a chunk's extension"],
)
def test_no_body_is_held_where_no_credentials_are_asked_for(
    lone_front: Front, body: bytes, status: int
) -> None:
    held_kib = hold(lone_front, HEAD % OPEN.encode() + body, status)

    assert held_kib < 1024


def hold(front: Front, request: bytes, status: int) -> int:
    """Return by how much the request made the front's memory grow."""
    before_kib = forget_peak(front)
    with front.send_raw(request) as answer:
        assert answer.readline().startswith(b"HTTP/1.1 %d " % status)
    return peak_kib(front) - before_kib


@pytest.mark.parametrize(
    ("path", "code"),
    [
        # gRPC has no code for 413.
        (OPEN, grpc.StatusCode.UNKNOWN),
        ("/inference.GRPCInferenceService/ModelInfer", grpc.StatusCode.UNAUTHENTICATED),
    ],
    ids=["readiness", "gRPC"],
)
def test_no_body_is_held_over_http_2(lone_front: Front, path: str, code: grpc.StatusCode) -> None:
    before_kib = forget_peak(lone_front)

    with lone_front.channel() as channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(path)(ALMOST_ALL, timeout=20)

    assert refused.value.code() is code
    assert peak_kib(lone_front) - before_kib < 1024


def test_a_body_where_none_is_wanted_is_refused_before_a_predictor_is_asked(
    start_front: Callable[..., Front], backend: Callable[[str], Backend]
) -> None:
    predictor = backend("200")
    front = start_front([predictor.port, None, predictor.port, None])

    with front.client({}) as client:
        refused = client.post(OPEN, content=b"ab")
        served = client.get(OPEN)

    assert refused.json() == {"error": "the body is longer than 1 bytes"}
    assert (refused.status_code, served.status_code) == (413, 200)
    assert len(predictor.requests) == 1


def test_the_machine_is_ready_while_one_of_the_predictors_is(
    start_front: Callable[..., Front], backend: Callable[[str], Backend]
) -> None:
    loading, ready = backend("503"), backend("200")
    front = start_front([loading.port, None, ready.port, None])

    with front.client({}) as client:
        statuses = [client.get(OPEN).status_code for _ in range(4)]

    assert statuses == [200] * 4
