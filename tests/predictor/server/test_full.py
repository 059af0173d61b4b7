"""A full predictor: newcomers hear so at once, whoever is in is served in turn, undisturbed."""

import asyncio
import json
import selectors
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice, pairwise
from statistics import median
from typing import Any, cast

import grpc
import openai
import pytest

from predictor.protocol import messages
from tests.predictor.server.gauges import IDLE, held, held_engine, wait_until

GENERATE = "/v2/models/r1/generate"
CHATS = "/openai/v1/chat/completions"
REQUEST = messages.ModelInferRequest(model_name="r1").SerializeToString()
CHAT: dict[str, Any] = {"model": "r1", "messages": [{"role": "user", "content": "hello"}]}
NUM_WAITING = 4
NUM_PLACES = 1 + NUM_WAITING
NUM_CLIENTS = 100
STEP_DELAY_S = 0.02
FULL = "the server is full: 5 requests run or wait already"
# Of a refusal, the client's own work included.
MEDIAN_S, P99_S = 0.05, 0.2
# Between two tokens, at the slow end: clients and server share the machine's cores.
MAX_ADDED_GAP_S = 0.15

RunOnALoop = Callable[[Callable[[], Awaitable[None]]], None]


@pytest.fixture(scope="module")
def small(module_start: Callable[..., Any]) -> Any:
    """One sequence runs and four may wait."""
    return module_start(
        *("--model-dir=demo", "--max-num-seqs=1", f"--max-waiting={NUM_WAITING}"),
        R1_FAULTS=json.dumps({"step_delay_s": STEP_DELAY_S}),
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """``took_s`` is from the request's first byte to the answer's last."""

    status: int
    headers: dict[str, str]
    json: Any
    took_s: float

    @staticmethod
    def read(answer: bytes, took_s: float) -> "Answer":
        head, _, content = answer.partition(b"\r\n\r\n")
        start, *lines = head.decode().splitlines()
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return Answer(int(start.split()[1]), headers, json.loads(content), took_s)


def test_of_100_clients_at_once_exactly_those_beyond_the_places_are_refused(small: Any) -> None:
    answers = ask_at_once(small, GENERATE, asking(10), NUM_CLIENTS)
    with held_engine(small):
        refused = list(islice(answers, NUM_CLIENTS - NUM_PLACES))
    held_until_s = time.monotonic()
    served = list(answers)

    assert {answer.status for answer in refused} == {503}
    assert all(answer.headers["retry-after"] == "1" for answer in refused)
    assert all(answer.json == {"error": FULL} for answer in refused)
    assert [answer.status for answer in served] == [200] * NUM_PLACES
    # One at a time: each ends 10 steps after the one before.
    assert time.monotonic() - held_until_s > NUM_PLACES * 9 * STEP_DELAY_S


def test_openais_client_hears_that_it_is_full_and_when_to_try_again(small: Any) -> None:
    endless = {"max_tokens": 3000, "extra_body": {"ignore_eos": True}}
    url = f"{small.url}/openai/v1"
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=60) as client:
        chats = client.chat.completions
        with (
            chats.create(**CHAT, **endless, n=NUM_PLACES, stream=True),
            pytest.raises(openai.InternalServerError, match="full") as caught,
        ):
            chats.create(**CHAT)
    wait_until(lambda: held(small) == IDLE)

    assert caught.value.status_code == 503
    assert caught.value.response.headers["retry-after"] == "1"
    assert caught.value.type == "server_error"


@pytest.mark.nightly
@pytest.mark.timing
def test_whoever_is_in_is_served_in_turn_and_undisturbed_by_whoever_is_not(
    small: Any, run_on_a_loop: RunOnALoop
) -> None:
    arrivals_s: list[float] = []
    storm_s = [0.0, 0.0]
    begun: list[int] = []
    refusals_s: list[float] = []

    async def fill(waiting: asyncio.TaskGroup) -> None:
        for number in range(NUM_WAITING):
            waiting.create_task(wait_in_turn(small, number, begun))
            # One after another: their order is known.
            await asyncio.to_thread(wait_until, partial(has_waiting, small, number + 1))

    async def storm() -> None:
        num_arrivals = len(arrivals_s)
        storm_s[0] = time.monotonic()
        async with grpc.aio.insecure_channel(small.grpc_address) as channel:
            while len(arrivals_s) < num_arrivals + 60:
                refusals_s.extend(await ask_everywhere(small, channel))
        storm_s[1] = time.monotonic()

    async def run() -> None:
        async with asyncio.TaskGroup() as others:
            filling = None
            async for _ in stream(small, asking(200)):
                arrivals_s.append(time.monotonic())
                if len(arrivals_s) == 1:
                    filling = others.create_task(fill(others))
                if len(arrivals_s) == 80:
                    assert filling is not None
                    await filling
                    others.create_task(storm())

    run_on_a_loop(run)

    assert begun == list(range(NUM_WAITING))
    assert storm_s[1] < arrivals_s[-1]
    gaps = [(later, later - sooner) for sooner, later in pairwise(arrivals_s[40:])]
    calm_s = [gap_s for at_s, gap_s in gaps if at_s < storm_s[0]]
    stormy_s = [gap_s for at_s, gap_s in gaps if storm_s[0] < at_s < storm_s[1]]
    assert median(stormy_s) < 2 * median(calm_s)
    assert quantile(stormy_s, 0.95) < quantile(calm_s, 0.95) + MAX_ADDED_GAP_S
    assert len(refusals_s) > 100
    assert median(refusals_s) < MEDIAN_S
    assert quantile(refusals_s, 0.99) < P99_S


async def wait_in_turn(predictor: Any, number: int, begun: list[int]) -> None:
    """Generate to the end, and add the number to ``begun`` when the first token is there."""
    async for event in stream(predictor, asking(5)):
        if number not in begun:
            begun.append(number)
        last = event
    assert last["details"]["finish_reason"] == "length"


def asking(num_tokens: int) -> dict[str, Any]:
    options = {"ignore_eos": True, "max_tokens": num_tokens, "temperature": 0}
    return {"text_input": "hello", "parameters": options}


def has_waiting(predictor: Any, num: int) -> bool:
    return held(predictor)["r1_sequences_waiting"] == num


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * len(values))]


def ask_at_once(predictor: Any, path: str, body: dict[str, Any], num: int) -> Iterator[Answer]:
    """Send all requests in one go, each on a connection that stands already; yield as they end."""
    address = http_address(predictor)
    request = request_bytes(path, body, "Connection: close\r\n")
    with selectors.DefaultSelector() as selector, ExitStack() as connections:
        answers: dict[socket.socket, bytes] = {}
        for _ in range(num):
            connection = connections.enter_context(socket.create_connection(address, 60))
            answers[connection] = b""
            selector.register(connection, selectors.EVENT_READ)
        started_s = time.monotonic()
        for connection in answers:
            connection.sendall(request)
        while selector.get_map():
            ready = selector.select(60)
            assert ready, "no answer comes"
            for key, _ in ready:
                connection = cast(socket.socket, key.fileobj)
                received = connection.recv(65536)
                answers[connection] += received
                if not received:
                    selector.unregister(connection)
                    yield Answer.read(answers[connection], time.monotonic() - started_s)


def http_address(predictor: Any) -> tuple[str, int]:
    host, _, port = predictor.url.removeprefix("http://").partition(":")
    return host, int(port)


def request_bytes(path: str, body: dict[str, Any], header: str = "") -> bytes:
    content = json.dumps(body)
    length = f"Content-Length: {len(content)}"
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{header}{length}\r\n\r\n{content}".encode()


async def stream(predictor: Any, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the events of a generation, each as it comes."""
    reader, writer = await asyncio.open_connection(*http_address(predictor))
    writer.write(request_bytes(f"{GENERATE}_stream", body))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    event: dict[str, Any] = {}
    while "details" not in event:
        chunk = await reader.readuntil(b"\n\n")
        event = json.loads(chunk[chunk.index(b"data: ") + 6 :])
        yield event
    writer.close()
    await writer.wait_closed()


async def ask_everywhere(predictor: Any, channel: grpc.aio.Channel) -> list[float]:
    """Ask twice over each protocol at once, and return how long each refusal over REST took."""
    v2, openai, *rpc = await asyncio.gather(
        asyncio.to_thread(lambda: list(ask_at_once(predictor, GENERATE, asking(5), 2))),
        asyncio.to_thread(lambda: list(ask_at_once(predictor, CHATS, CHAT, 2))),
        ask_grpc(channel),
        ask_grpc(channel),
    )
    assert {answer.status for answer in v2 + openai} == {503}
    assert {answer.headers["retry-after"] for answer in v2 + openai} == {"1"}
    assert all(answer.json == {"error": FULL} for answer in v2)
    error = {"message": FULL, "type": "server_error", "param": None, "code": None}
    assert all(answer.json == {"error": error} for answer in openai)
    assert set(rpc) == {(grpc.StatusCode.UNAVAILABLE, FULL, "1")}
    return [answer.took_s for answer in v2 + openai]


async def ask_grpc(channel: grpc.aio.Channel) -> tuple[grpc.StatusCode, str, str]:
    infer = channel.unary_unary(f"/{messages.SERVICE}/ModelInfer")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await infer(REQUEST)
    error = refused.value
    return error.code(), error.details(), error.trailing_metadata()["retry-after"]
