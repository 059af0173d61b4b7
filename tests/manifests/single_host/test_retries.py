"""What is asked of the other predictor, and what is not."""

from collections.abc import Callable

import httpx
import pytest

from tests.manifests.single_host.backends import Backend
from tests.manifests.single_host.front import Front

BODY = b'{"text_input": "3*4="}'
IMPATIENT = {"proxy_read_timeout 610s": "proxy_read_timeout 1s"}
POST = ("POST", "/v2/models/r1/generate")
GET = ("GET", "/v2/models/r1")

Start = Callable[..., Front]


@pytest.mark.parametrize(
    ("request_line", "behaviour", "rewrites"),
    [
        pytest.param(POST, "503", {}, id="POST refused"),
        pytest.param(GET, "503", {}, id="GET refused"),
        pytest.param(GET, "close", {}, id="GET lost"),
        pytest.param(GET, "hang", IMPATIENT, id="GET unanswered", marks=pytest.mark.timing),
    ],
)
def test_what_may_be_asked_twice_is_asked_of_the_other(
    start_front: Start,
    backend: Callable[[str], Backend],
    request_line: tuple[str, str],
    behaviour: str,
    rewrites: dict[str, str],
) -> None:
    first, second = backend(behaviour), backend("200")
    front = start_front([first.port, None, second.port, None], rewrites)

    with front.client() as client:
        response = client.request(*request_line, content=BODY)

    assert response.status_code == 200
    assert len(first.requests) == 1
    assert second.requests == first.requests
    assert second.requests[0].endswith(BODY)


@pytest.mark.parametrize(
    ("behaviour", "rewrites", "status", "message"),
    [
        ("close", {}, 502, "no predictor answered"),
        ("hang", IMPATIENT, 504, "the generation took longer than is allowed"),
    ],
    ids=["lost", "unanswered"],
)
def test_a_post_that_may_have_begun_is_not_asked_again(
    start_front: Start,
    backend: Callable[[str], Backend],
    behaviour: str,
    rewrites: dict[str, str],
    status: int,
    message: str,
) -> None:
    first, second = backend(behaviour), backend("200")
    front = start_front([first.port, None, second.port, None], rewrites)

    with front.client() as client:
        response = client.request(*POST, content=BODY)

    assert response.status_code == status
    assert response.json() == {"error": message}
    assert len(first.requests) == 1
    assert second.requests == []


def test_a_post_that_nobody_took_is_asked_of_the_other(
    start_front: Start, backend: Callable[[str], Backend]
) -> None:
    second = backend("200")
    front = start_front([None, None, second.port, None])

    with front.client() as client:
        statuses = [client.request(*POST, content=BODY).status_code for _ in range(8)]

    assert statuses == [200] * 8


def test_where_both_refuse_the_client_hears_the_second_and_no_third_is_asked(
    start_front: Start, backend: Callable[[str], Backend]
) -> None:
    first, second = backend("503"), backend("503")
    front = start_front([first.port, None, second.port, None])

    with front.client() as client:
        response = client.request(*POST, content=BODY)

    assert response.status_code == 503
    assert response.content == b"{}"
    assert [len(first.requests), len(second.requests)] == [1, 1]


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/v2/models/r1/generate", "no predictor answered"),
        (
            "/openai/v1/completions",
            {
                "message": "no predictor answered",
                "type": "server_error",
                "param": None,
                "code": None,
            },
        ),
    ],
    ids=["V2", "OpenAI"],
)
def test_with_both_down_the_error_is_of_the_predictors_form(
    start_front: Start, path: str, error: object
) -> None:
    front = start_front([None] * 4)

    with front.client() as client:
        response = client.post(path, content=BODY)

    assert response.status_code == 502
    assert response.headers["retry-after"] == "1"
    assert response.json() == {"error": error}


def test_where_one_refuses_and_the_other_is_down_the_error_is_of_the_same_form(
    start_front: Start, backend: Callable[[str], Backend]
) -> None:
    first = backend("503")
    front = start_front([first.port, None, None, None])

    with front.client() as client:
        response = client.request(*POST, content=BODY)

    assert response.status_code == 502
    assert response.headers["retry-after"] == "1"
    assert response.json() == {"error": "no predictor answered"}


def test_refusals_mark_nobody_as_failed(
    start_front: Start, backend: Callable[[str], Backend]
) -> None:
    both = backend("503"), backend("503")
    front = start_front([both[0].port, None, both[1].port, None])

    with front.client() as client:
        responses = [client.request(*POST, content=BODY) for _ in range(8)]

    assert {response.status_code for response in responses} == {503}
    assert [len(each.requests) for each in both] == [8, 8]


def test_one_that_does_not_answer_three_times_is_passed_over(
    start_front: Start, backend: Callable[[str], Backend]
) -> None:
    first, second = backend("close"), backend("200")
    front = start_front([first.port, None, second.port, None])

    with front.client() as client:
        statuses = [client.request(*POST, content=BODY).status_code for _ in range(16)]

    assert len(first.requests) == statuses.count(502) == 3
    assert len(second.requests) == statuses.count(200) == 13


def test_headers_for_tracing_reach_the_predictor_and_credentials_do_not(
    start_front: Start, backend: Callable[[str], Backend]
) -> None:
    first = backend("200")
    front = start_front([first.port, None, None, None])
    sent = {
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": "r1=1",
        "x-request-id": "order-17",
    }

    with front.client() as client:
        response = client.get(GET[1], headers=sent)

    received = httpx.Headers(
        [tuple(line.split(b": ", 1)) for line in first.requests[0].split(b"\r\n")[1:-2]]
    )
    assert {name: received[name] for name in sent} == sent
    assert "authorization" not in received
    assert response.headers["x-request-id"] == "order-17"
    assert front.line_of("order-17")["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


def test_an_id_of_another_form_is_replaced(
    start_front: Start, backend: Callable[[str], Backend]
) -> None:
    first = backend("200")
    front = start_front([first.port, None, None, None])

    with front.client() as client:
        response = client.get(GET[1], headers={"x-request-id": "two words"})

    assert len(response.headers["x-request-id"]) == 32
    assert f"X-Request-ID: {response.headers['x-request-id']}".encode() in first.requests[0]
