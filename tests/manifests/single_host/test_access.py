"""Who is let in, to what, how often, and over which TLS."""

import subprocess
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from predictor.config import Limits
from tests.manifests.single_host.backends import Backend
from tests.manifests.single_host.front import SERVER_NAME, Front

READY = "/v2/models/r1/ready"
# Nothing comes back to a bucket while it is being emptied, however slowly that goes.
NO_REFILL = {"zone=r1_address:10m rate=20r/s": "zone=r1_address:10m rate=1r/m"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer 0"},
        {"authorization": "Bearer"},
        {"authorization": "Basic YWxpY2U6d3Jvbmc="},
        {"authorization": "Basic !"},
    ],
    ids=["none", "unknown key", "empty key", "wrong password", "malformed"],
)
def test_without_credentials_nobody_is_served(front: Front, headers: dict[str, str]) -> None:
    with front.client(headers) as client:
        response = client.get(READY)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Basic realm="r1"'
    assert response.json() == {"error": "the request has no known key and no right password"}


def test_a_key_is_enough(client: httpx.Client) -> None:
    assert client.get(READY).json() == {"name": "r1", "ready": True}


def test_a_password_is_enough(front: Front) -> None:
    with front.client({}) as client:
        response = client.get(READY, auth=("alice", front.password))

    assert response.json() == {"name": "r1", "ready": True}


def test_the_readiness_of_the_machine_is_for_everybody(front: Front) -> None:
    with front.client({}) as client:
        assert client.get("/v2/health/ready").json() == {"ready": True}


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "//metrics",
        "/%6detrics",
        "/v2/models/../../metrics",
        "/v2/models/%2e%2e/%2e%2e/metrics",
        "/v2/repository/index",
        "/v2/repository/models/r1/unload",
        "/v2/openapi.json",
        "/v2/models/../openapi.json",
        "/inference.GRPCInferenceService/RepositoryIndex",
        "/docs",
        "/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_not_for_clients_is_not_found(front: Front, method: str, path: str) -> None:
    line, answer = ask_for(front, f"{method} {path} HTTP/1.1")

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert answer.endswith(b'\r\n\r\n{"error":"not found at this path"}')
    assert line["upstream"] == ""


def test_a_path_that_only_seems_to_be_allowed_finds_nothing(front: Front) -> None:
    line, answer = ask_for(front, "GET /metrics/../v2/models/r1 HTTP/1.1")

    assert answer.startswith(b"HTTP/1.1 404 ")
    assert line["upstream"] != ""


def ask_for(front: Front, request_line: str) -> tuple[dict[str, Any], bytes]:
    """Return the log's line and the answer; no client's library tidies up the path."""
    key = front.bearer()["authorization"]
    # The key's own part of it.
    request_id = key.split()[1][:8]
    head = (
        f"{request_line}\r\nHost: a\r\nConnection: close\r\n"
        f"X-Request-ID: {request_id}\r\nAuthorization: {key}\r\n\r\n"
    )
    answer = front.ask_raw(head.encode())
    return front.line_of(request_id), answer


@pytest.mark.parametrize("is_chunked", [False, True], ids=["declared", "chunked"])
def test_a_body_over_the_limit_is_refused_in_the_predictors_form(
    front: Front, client: httpx.Client, *, is_chunked: bool
) -> None:
    body = b" " * (Limits().max_body_bytes + 1)

    response = client.post(
        "/v2/models/r1/infer", content=iter([body[:9], body[9:]]) if is_chunked else body
    )

    assert front.line_of(response.headers["x-request-id"])["upstream"] == ""
    assert response.status_code == 413
    assert response.json() == {"error": "the body is longer than 4194304 bytes"}


def test_a_body_of_the_limit_reaches_the_predictor_and_not_the_disk(front: Front) -> None:
    temp = front.directory / "temp/client_body"
    written = temp.stat().st_mtime_ns

    with front.client() as client:
        response = client.post("/v2/models/r1/infer", content=b" " * Limits().max_body_bytes)

    assert response.status_code == 400
    assert temp.stat().st_mtime_ns == written


def test_who_asks_too_often_waits_and_others_do_not(front: Front) -> None:
    with front.client() as hasty, front.client() as other:
        refused = next(
            response
            for response in (hasty.get(READY) for _ in range(500))
            if response.status_code != 200
        )
        assert other.get(READY).status_code == 200

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.json() == {"error": "too many requests of one client"}


def test_passwords_are_not_guessed_faster_under_many_names(
    start_front: Callable[..., Front],
) -> None:
    front = start_front([None] * 4, NO_REFILL)

    with front.client({}) as client:
        statuses = (
            client.get(READY, auth=(f"user-{number}", "guess")).status_code for number in range(500)
        )

        assert next(status for status in statuses if status != 401) == 429


def test_others_cannot_use_up_a_share_by_its_name(
    start_front: Callable[..., Front], backend: Callable[[str], Backend]
) -> None:
    front = start_front([backend("200").port, None, None, None], NO_REFILL)

    with front.client() as victim, front.client({}) as attacker:
        request_id = victim.get(READY).headers["x-request-id"]
        name = front.line_of(request_id)["identity"]
        next(
            response
            for response in (attacker.get(READY, auth=(name, "guess")) for _ in range(500))
            if response.status_code == 429
        )

        assert victim.get(READY).status_code == 200


def test_nobody_holds_more_requests_than_one_predictor_runs(
    start_front: Callable[..., Front], backend: Callable[[str], Backend]
) -> None:
    first = backend("drip")
    front = start_front(
        [first.port, None, None, None],
        {"limit_conn r1_open 64": "limit_conn r1_open 1"},
    )

    with front.client() as client, client.stream("POST", "/v2/models/r1/generate_stream") as held:
        parts = held.iter_raw()
        next(parts)
        second = client.get(READY)
        first.go_on.set()

    assert second.status_code == 429
    assert second.headers["retry-after"] == "1"


def test_plain_http_is_sent_to_https_with_its_method(front: Front) -> None:
    response = httpx.post(f"http://127.0.0.1:{front.http_port}/v2/models/r1/infer?a=b")

    assert response.status_code == 308
    assert response.headers["location"] == f"https://{SERVER_NAME}/v2/models/r1/infer?a=b"


@pytest.mark.parametrize(
    ("version", "said"),
    [("1_1", "alert protocol version"), ("1_2", "TLSv1.2"), ("1_3", "TLSv1.3")],
)
def test_tls_is_1_2_or_1_3(front: Front, version: str, said: str) -> None:
    address = f"127.0.0.1:{front.https_port}"
    command = f"openssl s_client -tls{version} -cipher DEFAULT@SECLEVEL=0 -connect {address}"

    ran = subprocess.run(
        command.split(), input="", capture_output=True, text=True, timeout=20, check=False
    )

    assert said in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"?\r\n\r\n", 400),
        (b"GET /v2 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /v2 HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"x" * 9000), 431),
        (b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"x" * 9000), 431),
    ],
    ids=["not HTTP", "two hosts", "long header", "long path"],
)
def test_a_bad_head_is_answered_in_json(front: Front, head: bytes, status: int) -> None:
    answered, _, body = front.ask_raw(head).partition(b"\r\n\r\n")

    assert answered.startswith(b"HTTP/1.1 %d " % status)
    assert b"Content-Type: application/json" in answered
    assert body.startswith(b'{"error":"the ')


def test_plain_http_at_the_port_of_tls_is_answered_in_json(front: Front) -> None:
    response = httpx.get(f"http://127.0.0.1:{front.https_port}/v2")

    assert response.status_code == 400
    assert response.json() == {"error": "the request is malformed HTTP"}
