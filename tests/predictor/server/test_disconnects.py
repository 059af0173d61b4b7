"""Clients that leave at any moment, over every protocol: nothing of theirs stays behind."""

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import Any

import grpc
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from predictor.protocol import messages
from tests.predictor.server.gauges import IDLE, held, read_gauges, wait_until

SEED = 3
NUM_CLIENTS = 200
NUM_AT_ONCE = 40
MAX_WAIT_S = 30
# A generation takes 150 s, far longer than any test waits: only an abort ends it.
STEP_DELAY_S = 0.05
LONG = {"ignore_eos": True, "max_tokens": 3000}
V2 = "/v2/models/r1"
TENSOR = {"name": "text_input", "shape": [2], "datatype": "BYTES", "data": ["hello", "hi"]}
CHAT = {"model": "r1", "messages": [{"role": "user", "content": "hello"}], **LONG}
BODIES = {
    f"{V2}/infer": {"inputs": [TENSOR], "parameters": LONG},
    f"{V2}/generate": {"text_input": "hello", "parameters": LONG},
    f"{V2}/generate_stream": {"text_input": "hello", "parameters": LONG},
    "/openai/v1/chat/completions": {**CHAT, "n": 2, "stream": True},
}
STREAMS = (f"{V2}/generate_stream", "/openai/v1/chat/completions")
POINTS = ("connected", "in the body", "unanswered")
CLIENTS = [
    *((path, point) for path in BODIES for point in POINTS),
    *((path, "in the stream") for path in STREAMS),
    *(("ModelInfer", point) for point in ("cancelled", "deadline", "disconnected")),
    *(("ModelStreamInfer", point) for point in ("cancelled", "deadline", "disconnected")),
    ("ModelStreamInfer", "in the stream"),
]
# Nobody stayed for an answer.
OUTCOMES = {
    *((name, "cancelled") for name in ("infer", "generate", "generate_stream", "chat_completions")),
    *(
        (name, end)
        for name in ("ModelInfer", "ModelStreamInfer")
        for end in ("cancelled", "deadline")
    ),
}
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]

RunOnALoop = Callable[[Callable[[], Awaitable[None]]], None]


@pytest.fixture(scope="module")
def slow(module_start: Callable[..., Any]) -> Any:
    """Fewer sequences run than clients come, so that some leave while they wait."""
    faults = json.dumps({"step_delay_s": STEP_DELAY_S})
    return module_start("--model-dir=demo", "--max-num-seqs=16", R1_FAULTS=faults)


def test_200_clients_that_leave_at_random_leave_nothing_behind(
    slow: Any, run_on_a_loop: RunOnALoop
) -> None:
    random = Random(SEED)
    clients = [CLIENTS[index % len(CLIENTS)] for index in range(NUM_CLIENTS)]
    random.shuffle(clients)
    peaks: dict[str, float] = {}
    are_done = threading.Event()

    def watch() -> None:
        while not are_done.wait(0.05):
            for name, value in held(slow).items():
                peaks[name] = max(value, peaks.get(name, 0.0))

    async def leave_all() -> None:
        places = asyncio.Semaphore(NUM_AT_ONCE)

        async def leave(where: str, point: str) -> None:
            async with places:
                await (leave_rest if "/" in where else leave_grpc)(slow, where, point, random)

        await asyncio.gather(*(leave(*client) for client in clients))

    watching = threading.Thread(target=watch)
    watching.start()
    run_on_a_loop(leave_all)
    are_done.set()
    watching.join()
    wait_until(lambda: held(slow) == IDLE)

    assert peaks["r1_sequences_running"] == 16
    assert peaks["r1_sequences_waiting"] > 0
    assert peaks["r1_kv_blocks_used"] > 0
    assert outcomes(slow) == OUTCOMES
    assert read_gauges(slow)["r1_engine_restarts_total"] == 0
    assert slow.process.poll() is None
    assert "Traceback" not in slow.output
    assert answer(slow) == "12"


@pytest.mark.parametrize("where", [*BODIES, "ModelInfer", "ModelStreamInfer"])
def test_who_leaves_gives_everything_back_long_before_the_generation_would_end(
    slow: Any, run_on_a_loop: RunOnALoop, where: str
) -> None:
    async def come_and_leave() -> None:
        leave = await (begin_rest if "/" in where else begin_grpc)(slow, where)
        await asyncio.to_thread(wait_until, lambda: held(slow)["r1_kv_blocks_used"] > 0)
        leave()
        await asyncio.to_thread(wait_until, lambda: held(slow) == IDLE)

    run_on_a_loop(come_and_leave)


async def begin_rest(predictor: Any, path: str) -> Callable[[], object]:
    """Ask, and return what makes the client leave."""
    host, _, port = predictor.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"".join(request_bytes(path)))
    return writer.close


async def begin_grpc(predictor: Any, method: str) -> Callable[[], object]:
    channel = grpc.aio.insecure_channel(predictor.grpc_address)
    leave: Callable[[], object] = start_call(channel, method, None).cancel
    return leave


async def leave_rest(predictor: Any, path: str, point: str, random: Random) -> None:
    host, _, port = predictor.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head, body = request_bytes(path)
    if point == "in the body":
        writer.write(head + body[: random.randrange(len(body))])
        await writer.drain()
    elif point == "unanswered":
        writer.write(head + body)
        with suppress(TimeoutError):
            # Nothing comes in this time, or the head of a stream.
            await asyncio.wait_for(reader.read(1), random.uniform(0, 0.3))
    elif point == "in the stream":
        writer.write(head + body)
        for _ in range(random.randrange(1, 6)):
            await asyncio.wait_for(reader.readuntil(b"\n\n"), MAX_WAIT_S)
    if random.random() < 0.5:
        # The kernel then resets the connection in place of closing it.
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


def request_bytes(path: str) -> tuple[bytes, bytes]:
    body = json.dumps(BODIES[path]).encode()
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode(), body


async def leave_grpc(predictor: Any, method: str, point: str, random: Random) -> None:
    after_s = random.uniform(0.02, 0.3)
    timeout_s = after_s if point == "deadline" else None
    async with grpc.aio.insecure_channel(predictor.grpc_address, OWN_CONNECTION) as channel:
        call = start_call(channel, method, timeout_s)
        with suppress(grpc.aio.AioRpcError, asyncio.CancelledError):
            if point == "in the stream":
                for _ in range(random.randrange(1, 6)):
                    await asyncio.wait_for(call.read(), MAX_WAIT_S)
                call.cancel()
            else:
                await asyncio.wait({asyncio.ensure_future(first(call, method))}, timeout=after_s)
            if point == "cancelled":
                call.cancel()
            if point == "deadline":
                await call.code()


def start_call(channel: grpc.aio.Channel, method: str, timeout_s: float | None) -> Any:
    described = next(m for m in messages.METHODS if m.name == method)
    kind = channel.stream_stream if described.is_request_stream else channel.unary_unary
    rpc = kind(
        f"/{messages.SERVICE}/{method}",
        request_serializer=described.request.SerializeToString,
        response_deserializer=described.response.FromString,
    )
    if described.is_request_stream:
        return rpc(iter([infer_request()]), timeout=timeout_s)
    return rpc(infer_request(), timeout=timeout_s)


async def first(call: Any, method: str) -> None:
    with suppress(grpc.aio.AioRpcError, asyncio.CancelledError):
        await (call.read() if method == "ModelStreamInfer" else call)


def infer_request() -> Any:
    request = messages.ModelInferRequest(model_name="r1", id="leaver")
    text = request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    text.contents.bytes_contents.append(b"hello")
    request.parameters["ignore_eos"].bool_param = True
    request.parameters["max_tokens"].int64_param = 3000
    return request


def outcomes(predictor: Any) -> set[tuple[str, str]]:
    """Return how requests for a generation have ended, by route."""
    text = httpx.get(f"{predictor.url}/metrics", timeout=60).raise_for_status().text
    ended = {
        (sample.labels["route"], sample.labels["outcome"])
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "r1_requests_total" and sample.value
    }
    return {(route, outcome) for route, outcome in ended if route != "metrics"}


def answer(predictor: Any) -> str:
    body = {"text_input": "3*4=", "parameters": {"temperature": 0, "enable_thinking": False}}
    response = httpx.post(f"{predictor.url}{V2}/generate", json=body, timeout=60)
    text: str = response.raise_for_status().json()["text_output"]
    return text
