"""Seeded raw bytes on both ports: whatever comes, the processes stay and the next is served."""

import json
import selectors
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from random import Random
from typing import Any

import grpc
import httpx
import pytest

from predictor.protocol import messages
from tests.predictor.server.gauges import engine_pid, read_gauges, wait_until

SEED = 5
NUM_RANDOM, NUM_RANDOM_NIGHTLY = 1000, 20_000
MAX_BYTES = 2000
BATCH_SIZE = 50
# For answers, before a batch's clients end their connections.
PATIENCE_S = 0.03
# For the server to end them too.
LAST_WORD_S = 20
BODY = json.dumps(
    {
        "id": "7",
        "parameters": {"max_tokens": 2, "temperature": 0},
        "inputs": [
            {"name": "text_input", "shape": [1], "datatype": "BYTES", "data": ["2+2="]},
        ],
    }
)
INFER = (
    "POST /v2/models/r1/infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n{BODY}"
).encode()
PARTS = (b'{"text_input":"2+2', b'=","parameters":{"max_tokens":2,"details":true}}', b"")
CHUNKED = (
    b"POST /v2/models/r1/generate_stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in PARTS)
)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Return an HTTP/2 frame (RFC 9113, 4.1)."""
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags])
    return head + stream.to_bytes(4, "big") + payload


def literal(name: bytes, value: bytes) -> bytes:
    """Return a header field, never indexed and without Huffman code (RFC 7541, 6.2.3)."""
    return b"\x10" + b"".join(bytes([len(text)]) + text for text in (name, value))


def infer_request(*, max_tokens: int) -> Any:
    request = messages.ModelInferRequest(model_name="r1", id="7")
    tensor = request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    tensor.contents.bytes_contents.append(b"2+2=")
    request.parameters["max_tokens"].int64_param = max_tokens
    return request


def grpc_call(path: bytes = f"/{messages.SERVICE}/ModelInfer".encode()) -> bytes:
    """Return a connection's preface, settings and one call with its message."""
    message = infer_request(max_tokens=2).SerializeToString()
    fields = {
        b":method": b"POST",
        b":scheme": b"http",
        b":path": path,
        b":authority": b"x",
        b"content-type": b"application/grpc",
        b"te": b"trailers",
    }
    head = b"".join(literal(name, value) for name, value in fields.items())
    data = b"\0" + len(message).to_bytes(4, "big") + message
    return (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + frame(4, 0, 0, b"")
        + frame(1, 4, 1, head)
        + frame(0, 1, 1, data)
    )


SAMPLES = {"http": (INFER, CHUNKED), "grpc": (grpc_call(),)}
EACH_PORT = pytest.mark.parametrize("port", SAMPLES)


@EACH_PORT
def test_the_samples_are_answered(victim: Any, port: str) -> None:
    """Else the rest would fuzz nothing behind the first check."""
    for sample in SAMPLES[port]:
        with connect(victim, port) as connection:
            connection.sendall(sample)
            answer = b""
            while b"finish_reason" not in answer or b"length" not in answer:
                received = connection.recv(65536)
                assert received, answer
                answer += received


@EACH_PORT
def test_a_request_may_end_after_any_of_its_bytes(victim: Any, port: str) -> None:
    with unharmed(victim):
        check_all(
            victim,
            port,
            (sample[:end] for sample in SAMPLES[port] for end in range(len(sample))),
        )


@EACH_PORT
def test_any_bit_of_a_request_may_be_flipped(victim: Any, port: str) -> None:
    random = Random(SEED)
    with unharmed(victim):
        check_all(
            victim,
            port,
            (
                flip(sample, position, random.randrange(8))
                for sample in SAMPLES[port]
                for position in range(len(sample))
            ),
        )


@EACH_PORT
@pytest.mark.parametrize(
    "num_cases",
    [
        NUM_RANDOM,
        pytest.param(NUM_RANDOM_NIGHTLY, marks=[pytest.mark.nightly, pytest.mark.timeout(600)]),
    ],
)
def test_any_bytes_may_come(victim: Any, port: str, num_cases: int) -> None:
    random = Random(SEED + num_cases)
    makers = (noise, opened_noise, mutated, spliced)
    with unharmed(victim):
        check_all(
            victim,
            port,
            (random.choice(makers)(random, random.choice(SAMPLES[port])) for _ in range(num_cases)),
        )


def test_a_path_that_is_not_utf_8_costs_no_other_call(victim: Any) -> None:
    """grpc's own server ends at one."""
    request = infer_request(max_tokens=300)
    request.parameters["ignore_eos"].bool_param = True
    with grpc.insecure_channel(victim.grpc_address) as channel, unharmed(victim):
        stream = channel.stream_stream(
            f"/{messages.SERVICE}/ModelStreamInfer",
            request_serializer=messages.ModelInferRequest.SerializeToString,
            response_deserializer=messages.ModelStreamInferResponse.FromString,
        )
        infer = channel.unary_unary(
            f"/{messages.SERVICE}/ModelInfer",
            request_serializer=messages.ModelInferRequest.SerializeToString,
        )
        responses = stream(iter([request]), timeout=LAST_WORD_S)
        next(responses)
        list(exchange(victim, "grpc", [grpc_call(b"/\xff")]))
        *_, last = responses
        infer(infer_request(max_tokens=2), timeout=LAST_WORD_S, wait_for_ready=True)

    assert last.infer_response.parameters["triton_final_response"].bool_param


def flip(sample: bytes, position: int, bit: int) -> bytes:
    flipped = bytearray(sample)
    flipped[position] ^= 1 << bit
    return bytes(flipped)


def noise(random: Random, sample: bytes) -> bytes:
    return random.randbytes(random.randrange(1, MAX_BYTES))


def opened_noise(random: Random, sample: bytes) -> bytes:
    """Return a sample's beginning and noise."""
    return sample[: random.randrange(len(sample))] + noise(random, sample)


def mutated(random: Random, sample: bytes) -> bytes:
    """Return the sample with some bytes changed, doubled, left out or put in."""
    data = bytearray(sample)
    for _ in range(random.randrange(1, 9)):
        start = random.randrange(len(data))
        end = min(len(data), start + random.randrange(4))
        data[start:end] = random.choice(
            (random.randbytes(end - start), data[start:end] * 2, b"", random.randbytes(3))
        )
        data = data or bytearray(b"\0")
    return bytes(data)


def spliced(random: Random, sample: bytes) -> bytes:
    """Return parts of the samples of both ports, one behind the other."""
    everything = [INFER, CHUNKED, *SAMPLES["grpc"]]
    parts = [random.choice(everything) for _ in range(random.randrange(2, 5))]
    return b"".join(part[random.randrange(len(part)) :] for part in parts)


@contextmanager
def unharmed(victim: Any) -> Iterator[None]:
    """Check that the block costs no process, and that a question is answered after it."""
    processes, num_lines = (victim.process.pid, engine_pid(victim)), len(victim.lines)
    yield
    assert victim.process.poll() is None
    assert (victim.process.pid, engine_pid(victim)) == processes
    assert read_gauges(victim)["r1_engine_restarts_total"] == 0
    _, found, traceback = "".join(victim.lines[num_lines:]).partition("Traceback")
    assert not found, traceback[:2000]
    body = {"text_input": "3*4=", "parameters": {"temperature": 0, "enable_thinking": False}}
    answer = httpx.post(f"{victim.url}/v2/models/r1/generate", json=body, timeout=60)
    assert answer.json()["text_output"] == "12"


def check_all(victim: Any, port: str, cases: Iterable[bytes]) -> None:
    """Check of every HTTP answer that it is one, and no 5xx."""
    for answer in exchange(victim, port, cases):
        if port == "http" and answer:
            assert answer.startswith(b"HTTP/1.1 "), answer
            assert int(answer.split()[1]) < 500, answer


def exchange(victim: Any, port: str, cases: Iterable[bytes]) -> Iterator[bytes]:
    """Send each on a connection of its own, and yield what comes until the server ends it.

    Clients wait a moment for an answer before they send their end: a server that hears it first
    takes it that they have left.
    """
    cases = iter(cases)
    for batch in iter(lambda: list(islice(cases, BATCH_SIZE)), []):
        with ExitStack() as held, selectors.DefaultSelector() as selector:
            connections = [held.enter_context(connect(victim, port)) for _ in batch]
            for connection, data in zip(connections, batch, strict=True):
                with suppress(ConnectionError):
                    connection.sendall(data)
                selector.register(connection, selectors.EVENT_READ)
            answers: dict[Any, bytes] = dict.fromkeys(connections, b"")
            until_s = time.monotonic() + PATIENCE_S
            while selector.get_map() and (left_s := until_s - time.monotonic()) > 0:
                for key, _ in selector.select(left_s):
                    answers[key.fileobj] += receive(key.fileobj, selector)
            for connection in connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
            while selector.get_map():
                ready = selector.select(LAST_WORD_S)
                assert ready, "the server keeps a connection whose client has ended it"
                for key, _ in ready:
                    answers[key.fileobj] += receive(key.fileobj, selector)
            yield from answers.values()


def receive(connection: Any, selector: selectors.BaseSelector) -> bytes:
    received = b""
    with suppress(ConnectionError):
        received = connection.recv(65536)
    if not received:
        selector.unregister(connection)
    return received


def connect(victim: Any, port: str) -> socket.socket:
    """Connect, again if need be: the gRPC port may be closed while grpc's server is replaced."""
    address = victim.grpc_address if port == "grpc" else victim.url.removeprefix("http://")
    host, _, number = address.partition(":")
    connections: list[socket.socket] = []

    def is_connected() -> bool:
        with suppress(ConnectionRefusedError):
            connections.append(socket.create_connection((host, int(number)), LAST_WORD_S))
        return bool(connections)

    wait_until(is_connected)
    return connections[0]
