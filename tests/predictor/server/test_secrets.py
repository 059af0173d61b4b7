"""A prompt's marker, new in every run, is in no error, no metric and no log line of any mode.

The corpus's bad requests carry the marker in their prompts, and so do the requests below; while it
serves, the system prompt of the operator is the marker too.
"""

import json
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from predictor.protocol.messages import ModelStreamInferResponse
from predictor.protocol.wording import MAX_QUOTED
from tests.predictor.server import corpus
from tests.predictor.server.corpus.checks import SECRET
from tests.predictor.server.corpus.connection import Connection, Response
from tests.predictor.server.corpus.grpc import asking as asking_grpc
from tests.predictor.server.corpus.grpc import only as only_grpc
from tests.predictor.server.corpus.grpc import tensor as tensor_grpc
from tests.predictor.server.corpus.rest import MODEL, TEXT, asking, get, only, post, tensor
from tests.predictor.server.gauges import engine_pid, held, read_gauges, wait_until

MARKER = secrets.token_hex(16)[: len(SECRET)]
SERVICE = "/inference.GRPCInferenceService"
CHATS, COMPLETIONS = "/openai/v1/chat/completions", "/openai/v1/completions"
TIMEOUT_S = 30
SHORT = {"max_tokens": 2}
LONG = {"max_tokens": 3000, "ignore_eos": True}
MESSAGES = [{"role": "user", "content": SECRET}]
OVERFLOW = f"{SECRET} " * 5000
# A name, an id or a value may be quoted in an error, cut short.
WORDY = SECRET * 19

GOOD = {
    "infer": asking(id=SECRET, parameters={**SHORT, "stop": [SECRET]}),
    "infer messages": only(tensor("messages", [json.dumps(MESSAGES)]), parameters=SHORT),
    "infer raw": asking(parameters={**SHORT, "raw": True}),
    "generate": post(f"{MODEL}/generate", {"text_input": SECRET, "parameters": SHORT}),
    "generate a chat": post(f"{MODEL}/generate", {"messages": MESSAGES, "parameters": SHORT}),
    "stream": post(f"{MODEL}/generate_stream", {"text_input": SECRET, "parameters": SHORT}),
    "chat": post(CHATS, {"model": "r1", "messages": MESSAGES, "user": SECRET, **SHORT}),
    "chat stream": post(CHATS, {"model": "r1", "messages": MESSAGES, "stream": True, **SHORT}),
    "completion": post(COMPLETIONS, {"model": "r1", "prompt": SECRET, "stop": SECRET, **SHORT}),
}
BAD = {
    "infer overflow": only(tensor("text_input", [OVERFLOW])),
    "messages overflow": only(
        tensor("messages", [json.dumps([MESSAGES[0] | {"content": OVERFLOW}])])
    ),
    "generate overflow": post(f"{MODEL}/generate", {"text_input": OVERFLOW}),
    "stream overflow": post(f"{MODEL}/generate_stream", {"text_input": OVERFLOW}),
    "chat overflow": post(
        CHATS, {"model": "r1", "messages": [MESSAGES[0] | {"content": OVERFLOW}]}
    ),
    "completion overflow": post(COMPLETIONS, {"model": "r1", "prompt": OVERFLOW}),
    "5 MiB": post(f"{MODEL}/generate", {"text_input": SECRET * 400_000}),
    "a body that is the prompt": post(f"{MODEL}/generate", json.dumps(SECRET)),
    "a body cut off within it": post(f"{MODEL}/generate", f'{{"text_input": "{SECRET}'),
    "a media type": post(f"{MODEL}/generate", {"text_input": SECRET}, content_type="text/plain"),
    "a header": post(f"{MODEL}/generate", {"text_input": ""}, x_prompt=SECRET),
    "a query": get(f"/v2/nowhere?prompt={SECRET}"),
    "a path": get(f"/v2/{SECRET}"),
    "a role that is the prompt": post(
        CHATS, {"model": "r1", "messages": [{"role": SECRET, "content": "user"}]}
    ),
    "a role in generate": post(
        f"{MODEL}/generate", {"messages": [{"role": SECRET, "content": "user"}]}
    ),
    "a bad number beside the prompt": post(CHATS, {"model": "r1", "messages": MESSAGES, "n": 99}),
}
QUOTED = {
    "id": asking(id=WORDY + WORDY),
    "stop": asking(parameters={"stop": [WORDY + WORDY]}),
    "stop as text": asking(parameters={"stop": WORDY}),
    "option": asking(parameters={"temperature": WORDY}),
    "parameter": asking(parameters={WORDY: 1}),
    "tensor": asking(tensor(WORDY, ["a"])),
    "datatype": only(tensor("text_input", ["a"], WORDY)),
    "output": asking(outputs=[{"name": WORDY}]),
    "model": post(f"/v2/models/{WORDY}/infer", {}),
    "version": post(f"{MODEL}/versions/{WORDY}/infer", {}),
    "chat model": post(CHATS, {"model": WORDY, "messages": MESSAGES}),
    "chat stop": post(CHATS, {"model": "r1", "messages": MESSAGES, "stop": [WORDY + WORDY]}),
}
GOOD_GRPC = [asking_grpc(id=SECRET, parameters={**SHORT, "stop": json.dumps([SECRET])})]
BAD_GRPC = [only_grpc(tensor_grpc("text_input", [OVERFLOW]))]
QUOTED_GRPC = [
    asking_grpc(parameters={"temperature": WORDY}),
    asking_grpc(parameters={"stop": WORDY}),
    asking_grpc(parameters={WORDY: 1}),
    asking_grpc(id=WORDY + WORDY),
    asking_grpc(outputs=[WORDY]),
    asking_grpc(model_name=WORDY),
]


def corpus_requests(wire: str, mode: int) -> list[bytes]:
    """Return every 24th bad request of the corpus for a wire, others in each mode.

    The corpus's own tests look for the secret in the answers to all of them.
    """
    assert corpus.__file__ is not None
    names = {path.stem for path in Path(corpus.__file__).parent.glob(f"{wire}_cases_*.py")}
    modules = [
        import_module(f"{corpus.__name__}.{name}")
        for name in sorted(names - {"rest_cases_accepted"})
    ]
    groups = [cases for module in modules for cases in getattr(module, "GROUPS", {}).values()]
    return [case.request for cases in groups for case in cases.values()][mode::24]


def planted(requests: Iterable[bytes]) -> Iterator[bytes]:
    """Return the requests with the marker for the secret, which is as long."""
    return (request.replace(SECRET.encode(), MARKER.encode()) for request in requests)


def test_while_it_serves_and_while_it_drains(start: Callable[..., Any], tmp_path: Path) -> None:
    system_prompt = tmp_path / "system-prompt.txt"
    system_prompt.write_text(MARKER)
    # The long generations take 30 s.
    faults = json.dumps({"step_delay_s": 0.01})
    flags = ("--model-dir=demo", f"--defaults-dir={tmp_path}", "--grace-period-s=6")
    predictor = start(*flags, R1_FAULTS=faults)
    system_prompt.write_text(f"{MARKER}\0")
    wait_until(lambda: read_gauges(predictor)["r1_defaults_stale"] == 1)

    with long_generations(predictor) as ended:
        while_serving = ask_everything(predictor, 0)
        leave_everywhere(predictor)
        predictor.process.send_signal(signal.SIGTERM)
        wait_until(lambda: httpx.get(f"{predictor.url}/v2/health/ready").status_code == 503)
        while_draining = ask_everything(predictor, 1)
        last_words = ended()

    assert {200, 400, 404, 405, 413, 415} <= while_serving
    assert 503 in while_draining
    assert all(b"the server stopped before the generation ended" in words for words in last_words)
    check_ended(predictor, predictor.process.wait(TIMEOUT_S))


@pytest.mark.nightly
def test_while_its_engine_is_dead(start: Callable[..., Any]) -> None:
    predictor = start("--model-dir=demo", R1_FAULTS=json.dumps({"step_delay_s": 0.005}))

    with long_generations(predictor) as ended:
        os.kill(engine_pid(predictor), signal.SIGKILL)
        last_words = ended()
        statuses = ask_everything(predictor, 2)

    assert 503 in statuses
    assert all(b"the engine ended before the generation did" in words for words in last_words)
    check_ended(predictor, predictor.stop())


@pytest.mark.nightly
def test_while_every_generation_fails(start: Callable[..., Any]) -> None:
    predictor = start("--model-dir=demo", R1_FAULTS=json.dumps({"error_rate": 1.0}))

    assert 500 in ask_everything(predictor, 3)
    check_ended(predictor, predictor.stop())


def check_ended(predictor: Any, status: int) -> None:
    predictor.reader.join(TIMEOUT_S)
    assert status == 0
    assert "predictor.server.observe" in predictor.output
    assert MARKER not in predictor.output


def ask_everything(predictor: Any, mode: int) -> set[int]:
    """Check every error and the metrics, and return the HTTP statuses that there were."""
    requests = planted([*GOOD.values(), *BAD.values(), *corpus_requests("rest", mode)])
    answers = [ask(predictor, request) for request in requests]
    for answer in answers:
        assert MARKER not in repr(answer) or is_good(answer)
    for request in planted(QUOTED.values()):
        check_quoted(repr(ask(predictor, request)))
    with grpc.insecure_channel(predictor.grpc_address) as channel:
        for request in planted([*GOOD_GRPC, *BAD_GRPC, *corpus_requests("grpc", mode)]):
            assert all(MARKER not in message for message in grpc_errors(channel, request))
        for request in planted(QUOTED_GRPC):
            check_quoted(repr(grpc_errors(channel, request)))
    assert MARKER not in httpx.get(f"{predictor.url}/metrics", timeout=TIMEOUT_S).text
    return {answer.status for answer in answers}


def ask(predictor: Any, request: bytes) -> Response:
    with Connection(predictor.url) as connection:
        # A server that has heard enough may close.
        with suppress(ConnectionError):
            connection.send(request)
        return connection.read()


def is_good(answer: Response) -> bool:
    return answer.status == 200 and b'"error"' not in answer.body


def check_quoted(error: str) -> None:
    """Check that no more of a long value is in the error than may be quoted."""
    assert (MARKER * 19)[:MAX_QUOTED] not in error


def grpc_errors(channel: grpc.Channel, request: bytes) -> list[str]:
    """Return what a unary call, a stream and the metadata behind them say that is wrong."""
    errors = []
    try:
        channel.unary_unary(f"{SERVICE}/ModelInfer")(request, timeout=TIMEOUT_S)
    except grpc.RpcError as error:
        errors += [str(error.details()), repr(error.trailing_metadata())]
    try:
        for data in channel.stream_stream(f"{SERVICE}/ModelStreamInfer")(
            iter([request]), timeout=TIMEOUT_S
        ):
            errors.append(ModelStreamInferResponse.FromString(data).error_message)
    except grpc.RpcError as error:
        errors += [str(error.details()), repr(error.trailing_metadata())]
    return errors


@contextmanager
def long_generations(predictor: Any) -> Iterator[Callable[[], list[bytes]]]:
    """Start a generation on every route, and yield what reads their ends."""
    (rpc,) = planted([asking_grpc(parameters=LONG)])
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(predictor)) for _ in range(4)]
        for connection, request in zip(connections, planted(long_requests()), strict=True):
            connection.sendall(request)
        channel = stack.enter_context(grpc.insecure_channel(predictor.grpc_address))
        unary = channel.unary_unary(f"{SERVICE}/ModelInfer").future(rpc)
        stream = channel.stream_stream(f"{SERVICE}/ModelStreamInfer")(iter([rpc]))
        wait_until(lambda: held(predictor)["r1_sequences_running"] == 7)

        def read_ends() -> list[bytes]:
            *_, last = stream
            ends = [last, str(unary.exception(TIMEOUT_S)).encode()]
            for connection in connections:
                with connection.makefile("rb") as answer:
                    ends.append(answer.read())
            assert all(MARKER.encode() not in end for end in ends)
            return ends

        yield read_ends


def long_requests() -> list[bytes]:
    """Return requests for 5 sequences."""
    body = {"text_input": SECRET, "parameters": LONG}
    chat = {"model": "r1", "messages": MESSAGES, "stream": True, "n": 2, **LONG}
    bye = {"connection": "close"}
    return [
        post(f"{MODEL}/infer", {"inputs": [TEXT], "parameters": LONG}, **bye),
        post(f"{MODEL}/generate", body, **bye),
        post(f"{MODEL}/generate_stream", body, **bye),
        post(CHATS, chat, **bye),
    ]


def leave_everywhere(predictor: Any) -> None:
    """Leave in the middle of a body, and without a word for the answer."""
    for request in planted(long_requests()):
        for length in (len(request) - 5, len(request)):
            with connect(predictor) as connection:
                connection.sendall(request[:length])
    (rpc,) = planted([asking_grpc(parameters=LONG)])
    with grpc.insecure_channel(predictor.grpc_address) as channel:
        calls = [channel.unary_unary(f"{SERVICE}/ModelInfer").future(rpc) for _ in range(3)]
        streams = [channel.stream_stream(f"{SERVICE}/ModelStreamInfer")(iter([rpc]))]
        next(streams[0])
        for call in [*calls, *streams]:
            call.cancel()


def connect(predictor: Any) -> socket.socket:
    host, _, port = predictor.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), TIMEOUT_S)
