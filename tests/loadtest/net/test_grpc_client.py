"""The gRPC client against the predictor and against grpc's own server."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from loadtest.errors import UsageError
from loadtest.record import FinishReason, Outcome
from tests.loadtest.net import raw_http2 as raw
from tests.loadtest.net.certificates import Authority
from tests.loadtest.net.driving import a_prompt
from tests.loadtest.net.raw_server import serving
from tests.loadtest.net.rpc_driving import STREAM, UNARY, ask, grpc_server, session
from tests.predictor.server.conftest import Predictor


@pytest.mark.parametrize("protocol", [UNARY, STREAM])
def test_the_predictor_answers_right(protocol: str, predictor: Predictor) -> None:
    exchange = ask(predictor.grpc_address, protocol)
    assert exchange.outcome is Outcome.OK, exchange.detail
    assert "".join(exchange.texts) == "42"
    assert exchange.finish_reason is FinishReason.STOP
    usage = exchange.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens) == (11, 41, 36)


@pytest.mark.parametrize("protocol", [UNARY, STREAM])
def test_times_of_an_exchange_are_in_order(protocol: str, predictor: Predictor) -> None:
    exchange = ask(predictor.grpc_address, protocol)
    times = [
        exchange.started,
        exchange.sent,
        exchange.first_byte,
        exchange.first_chunk,
        exchange.last_chunk,
        exchange.finished,
    ]
    assert times == sorted(times)
    assert exchange.sent - exchange.started > exchange.connect > 0
    assert not exchange.is_reused


def test_calls_share_a_connection_and_each_gets_its_own_answer(predictor: Predictor) -> None:
    with session(predictor.grpc_address, STREAM) as opened:
        opened.ask(a_prompt())
        sums = [opened.start(a_prompt(f"{first}+25=")) for first in range(11, 19)]
        opened.wait(9)
        assert ["".join(exchange.texts) for exchange in sums] == [
            str(first + 25) for first in range(11, 19)
        ]
        assert opened.client.num_opened == opened.client.most_open == 1
        assert all(exchange.is_reused and exchange.connect == 0 for exchange in sums)


def test_a_refusal_of_the_predictor_is_in_its_words(predictor: Predictor) -> None:
    exchange = ask(predictor.grpc_address, UNARY, a_prompt(temperature=7))
    assert exchange.outcome is Outcome.REFUSED
    assert exchange.status == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert exchange.detail.startswith("INVALID_ARGUMENT: temperature is 7, must be ")


def test_a_refusal_within_a_stream_is_an_error_of_the_stream(predictor: Predictor) -> None:
    exchange = ask(predictor.grpc_address, STREAM, a_prompt(temperature=7))
    assert exchange.outcome is Outcome.STREAM_ERROR
    assert exchange.detail.startswith("temperature is 7, must be ")


def test_another_model_is_refused_by_name(predictor: Predictor) -> None:
    exchange = ask(predictor.grpc_address, UNARY, model="no-such-model")
    assert exchange.outcome is Outcome.REFUSED
    assert exchange.status == grpc.StatusCode.NOT_FOUND.value[0]
    assert "no-such-model" in exchange.detail


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code.value[0] != 0])
def test_each_status_has_its_outcome(code: grpc.StatusCode) -> None:
    def fail(request: bytes, context: grpc.ServicerContext) -> Any:
        context.abort(code, "in ünicode: 50 %")

    with grpc_server(fail) as (address, _):
        exchange = ask(address)
    assert exchange.outcome is {
        "UNAVAILABLE": Outcome.OVERLOADED,
        "RESOURCE_EXHAUSTED": Outcome.OVERLOADED,
        "DEADLINE_EXCEEDED": Outcome.DEADLINE,
        "CANCELLED": Outcome.SERVER_ERROR,
        "UNKNOWN": Outcome.SERVER_ERROR,
        "ABORTED": Outcome.SERVER_ERROR,
        "INTERNAL": Outcome.SERVER_ERROR,
        "DATA_LOSS": Outcome.SERVER_ERROR,
    }.get(code.name, Outcome.REFUSED)
    assert exchange.status == code.value[0]
    assert exchange.detail == f"{code.name}: in ünicode: 50 %"


def test_a_status_after_messages_is_an_error_of_the_stream() -> None:
    def fail_late(request: bytes, context: grpc.ServicerContext) -> Any:
        yield raw.stream_message("a", is_last=False)
        context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    with grpc_server(fail_late) as (address, _):
        exchange = ask(address, STREAM)
    assert exchange.outcome is Outcome.STREAM_ERROR
    assert (exchange.detail, exchange.num_chunks) == ("UNAVAILABLE: gone", 1)


def test_every_message_of_many_is_counted_and_timed() -> None:
    def count(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        for number in range(1000):
            yield raw.stream_message(f" {number}", is_last=number == 999)

    with grpc_server(count) as (address, _):
        exchange = ask(address, STREAM)
    assert exchange.outcome is Outcome.OK
    assert "".join(exchange.texts).split() == [str(number) for number in range(1000)]
    assert sum(exchange.gaps) == exchange.last_chunk - exchange.first_chunk


def test_a_message_larger_than_the_windows_arrives_whole() -> None:
    text = "0123456789abcdef" * 2_200_000

    def answer(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield raw.unary_message(text)

    with grpc_server(answer) as (address, _):
        exchange = ask(address)
    assert exchange.outcome is Outcome.OK, exchange.detail
    assert exchange.texts == [text]
    assert exchange.response_bytes > len(text)


def test_a_request_larger_than_the_servers_windows_arrives_whole() -> None:
    lengths: list[int] = []

    def answer(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        lengths.append(len(request))
        yield raw.unary_message()

    with grpc_server(answer) as (address, _):
        exchange = ask(address, UNARY, a_prompt("x" * 3_000_000))
    assert exchange.outcome is Outcome.OK, exchange.detail
    assert lengths == [len(exchange.body)]
    assert exchange.started < exchange.sent < exchange.first_byte


def test_metadata_and_the_token_are_sent_and_no_deadline_is(tmp_path: Any) -> None:
    token = tmp_path / "token"
    token.write_text("abc")
    seen: dict[str, Any] = {}

    def answer(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        seen.update(context.invocation_metadata(), deadline=context.time_remaining())
        yield raw.unary_message()

    with grpc_server(answer) as (address, _):
        ask(address, header=("X-Team: one two",), bearer_token_file=token)
    assert seen["x-team"] == "one two"
    assert seen["authorization"] == "Bearer abc"
    assert seen["x-request-id"] == "r1-loadtest-0"
    assert seen["user-agent"] == "r1-loadtest"
    # None is told as the largest number.
    assert seen["deadline"] > 10**9


def test_a_deadline_given_as_a_header_is_the_servers() -> None:
    seen: list[float | None] = []

    def answer(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        seen.append(context.time_remaining())
        yield raw.unary_message()

    with grpc_server(answer) as (address, _):
        ask(address, header=("grpc-timeout: 5S",))
    assert seen[0] is not None
    assert 0 < seen[0] <= 5


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("trace-bin: AAAA", "trace-bin is binary metadata"),
        ("grpc-encoding: gzip", "grpc-encoding is gRPC's own"),
        ("x!y: 1", "header x!y: metadata's names hold"),
        ("x-name: \xfc", "header x-name: metadata's values"),
    ],
    ids=["binary", "reserved", "name", "value"],
)
def test_a_header_that_cannot_be_metadata_is_refused(header: str, named: str) -> None:
    with pytest.raises(UsageError, match=named), session("127.0.0.1:1", header=(header,)):
        pass


def test_a_cancelled_call_is_reset_and_others_go_on() -> None:
    entered, cancelled = threading.Event(), threading.Event()

    def hang(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        if b"hang" in request:
            context.add_callback(cancelled.set)
            entered.set()
            cancelled.wait(10)
        yield raw.unary_message()

    with grpc_server(hang) as (address, _), session(address) as opened:
        hanging = opened.start(a_prompt("hang"))
        opened.ask(a_prompt("first"))
        assert entered.wait(10)
        opened.client.cancel(hanging, hanging.started + 7, Outcome.TIMEOUT, "too late")
        assert (hanging.outcome, hanging.detail) == (Outcome.TIMEOUT, "too late")
        assert hanging.finished == hanging.started + 7
        assert cancelled.wait(10)
        assert opened.ask(a_prompt("next")).outcome is Outcome.OK
        assert opened.client.num_opened == 1


def test_a_call_that_has_ended_cannot_be_cancelled() -> None:
    with serving(raw.each(*raw.GOOD)) as address, session(address) as opened:
        exchange = opened.ask(a_prompt())
        ending = (exchange.outcome, exchange.finished)
        opened.client.cancel(exchange, exchange.finished + 1, Outcome.TIMEOUT, "too late")
        assert (exchange.outcome, exchange.finished) == ending
        assert opened.ask(a_prompt()).outcome is Outcome.OK
        assert opened.client.num_opened == 1


def test_calls_finish_on_a_server_that_stops_and_the_next_is_refused() -> None:
    entered, stopping = threading.Event(), threading.Event()

    def wait(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        entered.set()
        stopping.wait(10)
        yield raw.unary_message()

    with grpc_server(wait) as (address, server), session(address) as opened:
        exchange = opened.start(a_prompt())
        thread = threading.Thread(
            target=lambda: (entered.wait(10), server.stop(10), stopping.set())
        )
        thread.start()
        opened.wait(1)
        thread.join()
        assert exchange.outcome is Outcome.OK, exchange.detail
        opened.run_until(lambda: opened.client.num_open == 0)
        assert opened.ask(a_prompt()).outcome is Outcome.CONNECT_FAILED


def test_a_port_that_nobody_listens_on_fails_to_connect() -> None:
    with session("127.0.0.1:1") as opened:
        exchange = opened.ask(a_prompt())
        assert (exchange.outcome, exchange.detail) == (
            Outcome.CONNECT_FAILED,
            "Connection refused",
        )
        assert opened.client.num_open == 0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("trusted"))


def answer(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    yield raw.unary_message()


@pytest.fixture(scope="module")
def mutual(authority: Authority) -> Iterator[str]:
    """A server that wants a client's certificate."""
    cert, key = authority.issue("server")
    credentials = grpc.ssl_server_credentials(
        [(key.read_bytes(), cert.read_bytes())],
        authority.path.read_bytes(),
        require_client_auth=True,
    )
    with grpc_server(answer, credentials) as (address, _):
        yield f"grpcs://{address}"


def test_both_sides_show_their_certificates(authority: Authority, mutual: str) -> None:
    cert, key = authority.issue("client")
    exchange = ask(mutual, ca_file=authority.path, client_cert=cert, client_key=key)
    assert exchange.outcome is Outcome.OK, exchange.detail


def test_a_client_without_a_certificate_is_told_so(authority: Authority, mutual: str) -> None:
    exchange = ask(mutual, ca_file=authority.path)
    # The server's alert is lost if its reset overtakes it.
    assert exchange.outcome in (Outcome.TLS_FAILED, Outcome.RESET)
    assert "certificate" in exchange.detail


def test_a_server_of_another_authority_is_not_trusted(mutual: str, tmp_path: Path) -> None:
    exchange = ask(mutual, ca_file=Authority(tmp_path).path)
    assert exchange.outcome is Outcome.TLS_FAILED


def test_a_server_that_offers_no_http2_is_told_by_alpn(authority: Authority) -> None:
    with serving(raw.each(*raw.GOOD), authority.server()) as address:
        exchange = ask(f"grpcs://{address}", ca_file=authority.path)
    assert exchange.outcome is Outcome.TLS_FAILED
    assert exchange.detail == "the server does not offer HTTP/2 (ALPN h2)"
