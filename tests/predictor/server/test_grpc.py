"""The gRPC server against clients that send too much, too slowly, or do not read."""

import asyncio
import gc
import logging
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry

from predictor.config import DEMO_MODEL_DIR, EngineConfig, Limits, ServerConfig
from predictor.engine.client import EngineClient
from predictor.errors import ModelNotFound
from predictor.metrics import Metrics
from predictor.model import LanguageModel
from predictor.protocol import messages
from predictor.server.grpc import GrpcServer
from predictor.server.grpc_inference import MAX_REQUESTS_OF_STREAM
from tests.predictor.server.gauges import wait_until

LIMITS = Limits(
    max_body_bytes=64 * 2**10,
    max_header_bytes=8 * 2**10,
    max_waiting=2,
    max_rows=16,
    header_timeout_s=0.5,
    body_timeout_s=0.5,
    idle_timeout_s=2.0,
    write_timeout_s=1.0,
)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
EMPTY_SETTINGS = bytes.fromhex("000000040000000000")
# A client that takes in little more than one response before it reads it.
SMALL_WINDOW = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 1024)]
WAIT_S = 30


@dataclass
class Server:
    """A gRPC server with tight limits and a loaded model, on a loop in a thread of its own."""

    address: str = ""
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, is_ready: threading.Event) -> None:
        config = ServerConfig(model_dir=DEMO_MODEL_DIR, grpc_port=0, limits=LIMITS)
        self.client = client = EngineClient(EngineConfig(model_dir=DEMO_MODEL_DIR))
        metrics = Metrics(self.registry)
        model = LanguageModel(config, client, metrics, max_num_seqs=2)
        server = GrpcServer(model, config, metrics)
        engine = asyncio.create_task(model.start_engine())
        self.address = f"127.0.0.1:{await server.start()}"
        await model.wait_loaded()
        is_ready.set()
        await self.is_over.wait()
        await server.stop(0)
        model.stop_engine()
        await engine

    def num_requests(self, route: str, outcome: str) -> float:
        labels = {"protocol": "grpc", "route": route, "outcome": outcome}
        return self.registry.get_sample_value("r1_requests_total", labels) or 0.0

    def num_tasks(self) -> int:
        return len(asyncio.all_tasks(self.loop))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server, is_ready = Server(), threading.Event()
    thread = threading.Thread(target=server.loop.run_until_complete, args=[server.run(is_ready)])
    thread.start()
    assert is_ready.wait(60)
    yield server
    server.loop.call_soon_threadsafe(server.is_over.set)
    thread.join(60)
    server.loop.close()


@pytest.fixture
def channel(server: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.address) as channel:
        yield channel


def infer_request(prompt: str, **parameters: int | bool) -> Any:
    request = messages.ModelInferRequest(model_name="r1")
    text = request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    text.contents.bytes_contents.append(prompt.encode())
    for name, value in parameters.items():
        choice = "bool_param" if isinstance(value, bool) else "int64_param"
        setattr(request.parameters[name], choice, value)
    return request


LONG = infer_request("hello", ignore_eos=True, max_tokens=3000).SerializeToString()
WORDY = infer_request("hello", ignore_eos=True, max_tokens=3000, logprobs=20).SerializeToString()
WRONG_MODEL = messages.ModelInferRequest(model_name="r2").SerializeToString()
WRONG_VERSION = WRONG_MODEL.replace(b"r2", b"r1") + b"\x12\x012"
METHOD = "/inference.GRPCInferenceService/"


def ask(channel: grpc.Channel, name: str, data: bytes, **keywords: Any) -> bytes:
    answer: bytes = channel.unary_unary(METHOD + name)(data, timeout=WAIT_S, **keywords)
    return answer


LARGE_METADATA = {"metadata": (("x", "y" * (LIMITS.max_header_bytes + 100)),)}
GZIP = {"compression": grpc.Compression.Gzip}
TOO_LARGE = bytes(LIMITS.max_body_bytes + 1)
# Method, message, keywords of the call; status, words of the details.
BAD_CALLS: dict[str, tuple[str, bytes, Any, str, str]] = {
    "method": ("Unknown", b"", {}, "UNIMPLEMENTED", "not found"),
    "load": ("RepositoryModelLoad", b"", {}, "UNIMPLEMENTED", "not found"),
    "unload": ("RepositoryModelUnload", b"", {}, "UNIMPLEMENTED", "not found"),
    "no-message": ("ModelInfer", b"\xff", {}, "INVALID_ARGUMENT", "no ModelInferRequest message"),
    "no-utf8": ("ModelInfer", b"\x0a\x01\xff", {}, "INVALID_ARGUMENT", "no ModelInferRequest"),
    "fields": ("ModelInfer", b"\x2a\x00" * 2000, {}, "INVALID_ARGUMENT", "at most 1536"),
    "empty-message": ("ModelInfer", b"", {}, "NOT_FOUND", "model '' is not served"),
    "model": ("ModelInfer", WRONG_MODEL, {}, "NOT_FOUND", "'r2'"),
    "version": ("ModelInfer", WRONG_VERSION, {}, "NOT_FOUND", "'2'"),
    "size": ("ModelInfer", TOO_LARGE, {}, "RESOURCE_EXHAUSTED", "(65537 vs. 65536)"),
    "metadata": ("ServerLive", b"", LARGE_METADATA, "RESOURCE_EXHAUSTED", "metadata size"),
    "compression": ("ModelInfer", 10 * TOO_LARGE, GZIP, "UNIMPLEMENTED", "gzip"),
}


@pytest.mark.parametrize(
    ("name", "data", "keywords", "status", "words"), BAD_CALLS.values(), ids=BAD_CALLS.keys()
)
def test_a_bad_call_has_its_status_and_spares_the_connection(
    channel: grpc.Channel, name: str, data: bytes, keywords: Any, status: str, words: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ask(channel, name, data, **keywords)

    assert caught.value.code() is grpc.StatusCode[status]
    assert words in caught.value.details()
    # On a lost connection the call would have to wait for another.
    assert ask(channel, "ServerLive", b"", wait_for_ready=False) == b"\x08\x01"


def test_a_refused_message_is_let_go_without_waiting_for_the_collector(
    channel: grpc.Channel,
) -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            channel.unary_unary(METHOD + "ModelInfer").future(WRONG_MODEL).exception()
        # The last call may still be on its way out when its answer is here.
        wait_until(lambda: not is_a_refusal_held())
    finally:
        gc.enable()


def is_a_refusal_held() -> bool:
    """Whether there is one with its traceback, which would hold the message."""
    return any(
        # Not isinstance: some objects of torch warn when asked for their class.
        type(held) is ModelNotFound and held.__traceback__ is not None
        for held in gc.get_objects()
    )


def test_a_call_without_a_message_is_refused(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel.stream_unary(METHOD + "ModelInfer")(iter(()), timeout=WAIT_S)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "the call has no message, must have one"


def test_a_call_whose_message_does_not_come_is_ended(channel: grpc.Channel) -> None:
    is_over = threading.Event()

    def no_message() -> Iterator[bytes]:
        is_over.wait(WAIT_S)
        yield from ()

    with pytest.raises(grpc.RpcError) as caught:
        channel.stream_unary(METHOD + "ModelInfer")(no_message(), timeout=WAIT_S)
    is_over.set()

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert caught.value.details() == "the message has not arrived within 0.5 s"


def test_a_full_server_refuses_at_once_and_says_when_to_come_back(channel: grpc.Channel) -> None:
    infer = channel.unary_unary(METHOD + "ModelInfer")
    calls = [infer.future(LONG, timeout=WAIT_S) for _ in range(8)]

    wait_until(lambda: sum(call.done() for call in calls) == 4)
    refused = [call for call in calls if call.done()]
    for call in calls:
        call.cancel()

    assert {call.code() for call in refused} == {grpc.StatusCode.UNAVAILABLE}
    assert dict(refused[0].trailing_metadata()) == {"retry-after": "1"}
    assert "the server is full: 4 requests" in refused[0].details()


def test_connections_on_which_nothing_comes_are_closed(server: Server) -> None:
    host, _, port = server.address.partition(":")
    openings = {
        "silent": b"",
        "half a preface": PREFACE[:10],
        "no settings": PREFACE,
        "no call": PREFACE + EMPTY_SETTINGS,
    }
    ends: list[str] = []
    with ExitStack() as held, selectors.DefaultSelector() as selector:
        started_s = time.monotonic()
        for name, opening in openings.items():
            for _ in range(25):
                connection = held.enter_context(socket.create_connection((host, int(port))))
                connection.sendall(opening)
                selector.register(connection, selectors.EVENT_READ, name)
        while selector.get_map():
            ready = selector.select(WAIT_S)
            assert ready, "a connection stays open"
            for key, _ in ready:
                if not key.fileobj.recv(4096):  # type: ignore[union-attr]
                    selector.unregister(key.fileobj)
                    ends.append(key.data)
                    last_s = time.monotonic()

    # Those that have not opened it have less time than those without a call.
    assert len(ends) == 100
    assert ends[-25:] == ["no call"] * 25
    assert last_s - started_s > LIMITS.idle_timeout_s / 2


@pytest.mark.nightly
def test_a_channel_whose_connection_was_idle_too_long_is_still_good(channel: grpc.Channel) -> None:
    states: list[grpc.ChannelConnectivity] = []
    channel.subscribe(states.append)
    ask(channel, "ServerLive", b"")

    wait_until(lambda: grpc.ChannelConnectivity.IDLE in states[2:])

    assert ask(channel, "ServerLive", b"") == b"\x08\x01"


def test_a_client_that_stops_reading_loses_its_stream_and_frees_the_engine(server: Server) -> None:
    before = server.num_requests("ModelStreamInfer", "deadline")
    with grpc.insecure_channel(server.address, options=SMALL_WINDOW) as channel:
        responses = channel.stream_stream(METHOD + "ModelStreamInfer")(iter([WORDY]))

        wait_until(lambda: server.num_requests("ModelStreamInfer", "deadline") == before + 1)
        wait_until(lambda: server.client.num_streams == 0)

        with pytest.raises(grpc.RpcError) as caught:
            list(responses)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert caught.value.details() == "the client has read nothing for 1 s"


def test_requests_poured_into_a_stream_are_held_back(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    bad = messages.ModelInferRequest(id="x" * 10_000).SerializeToString()
    num_ended_before = server.num_requests("ModelStreamInfer", "deadline")
    num_tasks_before = server.num_tasks()
    most = 0

    with grpc.insecure_channel(server.address, options=SMALL_WINDOW) as channel:
        responses = channel.stream_stream(METHOD + "ModelStreamInfer")(iter([bad] * 20_000))
        while server.num_requests("ModelStreamInfer", "deadline") == num_ended_before:
            most = max(most, server.num_tasks() - num_tasks_before)
            time.sleep(0.001)
        responses.cancel()
        wait_until(lambda: server.num_tasks() <= num_tasks_before)

    assert MAX_REQUESTS_OF_STREAM // 2 < most < 2 * MAX_REQUESTS_OF_STREAM
    # A client that leaves is no error of ours.
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    ("timeout_s", "outcome", "status"),
    [
        pytest.param(0.3, "deadline", "DEADLINE_EXCEEDED", id="deadline"),
        pytest.param(WAIT_S, "cancelled", "CANCELLED", id="cancel"),
    ],
)
@pytest.mark.parametrize("name", ["ModelInfer", "ModelStreamInfer"])
def test_calls_that_clients_end_free_the_engine_and_are_counted(
    server: Server, channel: grpc.Channel, name: str, timeout_s: float, outcome: str, status: str
) -> None:
    before = server.num_requests(name, outcome)

    responses = channel.stream_stream(METHOD + name)(iter([LONG]), timeout=timeout_s)
    if outcome == "cancelled":
        wait_until(lambda: server.client.num_streams > 0)
        responses.cancel()

    wait_until(lambda: server.num_requests(name, outcome) == before + 1)
    wait_until(lambda: server.client.num_streams == 0)
    assert responses.code() is grpc.StatusCode[status]
