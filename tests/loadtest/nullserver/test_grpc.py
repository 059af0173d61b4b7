"""The null server over gRPC, asked by grpc's own client."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import grpc
import pytest
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded
from h2.settings import SettingCodes

from predictor.protocol import messages
from tests.loadtest.null_servers import NullServer, null_server

ASKED = messages.ModelInferRequest(model_name="r1")
INFER = f"/{messages.SERVICE}/ModelInfer"
HEAD = ((":method", "POST"), (":scheme", "http"), (":path", INFER), (":authority", "null"))
METHODS = {method.name: method for method in messages.METHODS}


@pytest.fixture(scope="module")
def channel(prompt_server: NullServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(prompt_server.grpc) as channel:
        yield channel


def call(channel: grpc.Channel, name: str, request: Any) -> Any:
    method = METHODS[name]
    rpc = channel.unary_unary(
        f"/{messages.SERVICE}/{name}",
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )
    return rpc(request, timeout=20)


def stream(channel: grpc.Channel) -> list[Any]:
    rpc = channel.stream_stream(
        f"/{messages.SERVICE}/ModelStreamInfer",
        request_serializer=messages.ModelInferRequest.SerializeToString,
        response_deserializer=messages.ModelStreamInferResponse.FromString,
    )
    return [message.infer_response for message in rpc(iter([ASKED]), timeout=20)]


def call_size(server: NullServer) -> int:
    with grpc.insecure_channel(server.grpc) as channel:
        return call(channel, "ModelInfer", ASKED).ByteSize()


def received(connection: H2Connection, sock: socket.socket, timeout_s: float) -> int:
    """Return how many bytes of DATA come until the stream ends or nothing more comes."""
    sock.settimeout(timeout_s)
    size = 0
    with suppress(TimeoutError):
        while True:
            sock.sendall(connection.data_to_send())
            events = connection.receive_data(sock.recv(65_536))
            size += sum(len(event.data) for event in events if isinstance(event, DataReceived))
            if any(isinstance(event, StreamEnded) for event in events):
                return size
    return size


def contents(response: Any) -> dict[str, Any]:
    return {
        output.name: list(output.contents.bytes_contents or output.contents.int_contents)
        for output in response.outputs
    }


def test_infer_answers_in_the_protocols_shape(channel: grpc.Channel) -> None:
    response = call(channel, "ModelInfer", ASKED)
    assert response.model_name == "r1"
    assert {tuple(output.shape) for output in response.outputs} == {(1,)}
    assert contents(response) == {
        "text_output": [b"word " * 6],
        "reasoning_output": [b""],
        "finish_reason": [b"length"],
        "prompt_tokens": [8],
        "reasoning_tokens": [0],
        "completion_tokens": [6],
    }


def test_a_stream_has_the_profiles_chunks_and_says_which_is_the_last(
    channel: grpc.Channel,
) -> None:
    *chunks, last = stream(channel)
    assert [contents(chunk)["text_output"] for chunk in chunks] == [[b"word word "]] * 3
    finals = [one.parameters["triton_final_response"].bool_param for one in (*chunks, last)]
    assert finals == [False, False, False, True]
    assert contents(last)["completion_tokens"] == [6]


@pytest.mark.parametrize(
    ("name", "field"), [("ServerLive", "live"), ("ServerReady", "ready"), ("ModelReady", "ready")]
)
def test_what_clients_look_at_first_is_true(channel: grpc.Channel, name: str, field: str) -> None:
    request = METHODS[name].request(**({"name": "r1"} if name == "ModelReady" else {}))
    assert getattr(call(channel, name, request), field) is True


def test_the_models_metadata_names_it(channel: grpc.Channel) -> None:
    request = METHODS["ModelMetadata"].request(name="r1")
    assert call(channel, "ModelMetadata", request).name == "r1"


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("ModelReady", {"name": "other"}, grpc.StatusCode.NOT_FOUND),
        ("RepositoryIndex", {}, grpc.StatusCode.UNIMPLEMENTED),
    ],
)
def test_what_it_does_not_have_is_refused(
    channel: grpc.Channel, name: str, fields: dict[str, str], code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        call(channel, name, METHODS[name].request(**fields))
    assert raised.value.code() is code


def test_many_calls_over_one_connection_end_well(channel: grpc.Channel) -> None:
    method = METHODS["ModelInfer"]
    rpc = channel.unary_unary(
        f"/{messages.SERVICE}/ModelInfer",
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )
    futures = [rpc.future(ASKED, timeout=10) for _ in range(300)]
    assert {future.result().model_name for future in futures} == {"r1"}


def test_an_answer_larger_than_every_window_arrives_whole() -> None:
    with (
        null_server("--chunks=2", "--tokens-per-chunk=100000") as server,
        grpc.insecure_channel(server.grpc) as channel,
    ):
        assert len(contents(call(channel, "ModelInfer", ASKED))["text_output"][0]) == 1_000_000
        assert [len(contents(one)["text_output"][0]) for one in stream(channel)] == [
            *(500_000, 500_000, 0)
        ]


def test_a_stream_without_room_waits_for_it(prompt_server: NullServer) -> None:
    whole = 5 + call_size(prompt_server)
    host, port = prompt_server.grpc.split(":")
    connection = H2Connection()
    connection.initiate_connection()
    connection.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 10})
    with socket.create_connection((host, int(port)), 5) as sock:
        assert received(connection, sock, 0.2) == 0
        connection.send_headers(1, HEAD)
        connection.send_data(1, b"\0\0\0\0\4\x0a\2r1", end_stream=True)
        assert received(connection, sock, 0.2) == 0
        connection.increment_flow_control_window(whole, stream_id=1)
        assert received(connection, sock, 20) == whole


def test_faults_come_in_their_turn(faulty_server: NullServer) -> None:
    with grpc.insecure_channel(faulty_server.grpc) as channel:
        assert len(stream(channel)) == 5
        with pytest.raises(grpc.RpcError):
            stream(channel)
        with pytest.raises(grpc.RpcError) as raised:
            stream(channel)
        assert raised.value.code() is grpc.StatusCode.INTERNAL
        with pytest.raises(grpc.RpcError):
            stream(channel)
        assert len(stream(channel)) == 2
