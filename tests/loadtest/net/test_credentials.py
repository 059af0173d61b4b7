"""A server that quotes the credentials of a request does not bring them into a report."""

from pathlib import Path
from typing import Any

import pytest

from loadtest.net.grpc_status import Code
from loadtest.record import Outcome
from tests.loadtest.net import raw_http2 as raw
from tests.loadtest.net.driving import ask
from tests.loadtest.net.raw_server import STREAM_HEAD, Handler, chunk, head, say, serving, sized
from tests.loadtest.net.rpc_driving import ask_raw

TOKEN, KEY = "tok-4f9A7c21Bb", "key-5e0B8d32Cc"
SAID = f"key Bearer {TOKEN} h={KEY}"
KEPT = "key Bearer … h=…"


@pytest.fixture
def credentials(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return {"bearer_token_file": path, "header": (f"X-Api-Key: {KEY}",)}


@pytest.mark.parametrize(
    ("handle", "outcome", "detail"),
    [
        pytest.param(
            say(sized(b'{"error": "%b"}' % SAID.encode(), "401 Unauthorized")),
            Outcome.REFUSED,
            f"HTTP 401: {KEPT}",
            id="JSON",
        ),
        pytest.param(
            say(sized(SAID.encode(), "403 Forbidden", "text/plain")),
            Outcome.REFUSED,
            f"HTTP 403: {KEPT}",
            id="line",
        ),
        pytest.param(
            say(STREAM_HEAD + chunk(b'data: {"error": "%b"}\n\n' % SAID.encode())),
            Outcome.STREAM_ERROR,
            KEPT,
            id="event",
        ),
        pytest.param(
            say(head(media_type=f"text/{TOKEN}")),
            Outcome.MALFORMED,
            "the answer's content type is 'text/…', must be text/event-stream",
            id="content-type",
        ),
    ],
)
def test_credentials_in_an_answer_over_http_are_left_out(
    handle: Handler, outcome: Outcome, detail: str, credentials: dict[str, Any]
) -> None:
    with serving(handle) as address:
        exchange = ask(f"http://{address}", **credentials)
    assert (exchange.outcome, exchange.detail) == (outcome, detail)


@pytest.mark.parametrize(
    ("handle", "detail"),
    [
        pytest.param(
            raw.each(raw.head(), raw.trailers(grpc_status="16", grpc_message=SAID)),
            f"{Code.UNAUTHENTICATED.name}: {KEPT}",
            id="trailers",
        ),
        pytest.param(
            raw.each(raw.head(content_type=TOKEN)),
            "content type is '…', must be application/grpc",
            id="content-type",
        ),
    ],
)
def test_credentials_in_an_answer_over_grpc_are_left_out(
    handle: Handler, detail: str, credentials: dict[str, Any]
) -> None:
    assert ask_raw(handle, **credentials).detail == detail
