"""Requests for short generations in every way there is, until told to stop."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import httpx

from predictor.protocol import messages
from tests.predictor.server.conftest import Predictor, call

PROMPT = "3*4="
PAUSE_S = 0.05
# "1", "2" and the end; nothing to think about.
SHORT = {"temperature": 0, "enable_thinking": False, "max_tokens": 4}
TENSOR = {"name": "text_input", "shape": [1], "datatype": "BYTES", "data": [PROMPT]}
POSTS: list[tuple[str, dict[str, Any]]] = [
    ("/v2/models/r1/infer", {"inputs": [TENSOR], "parameters": SHORT}),
    ("/v2/models/r1/generate", {"text_input": PROMPT, "parameters": SHORT}),
    ("/v2/models/r1/generate_stream", {"text_input": PROMPT, "parameters": SHORT}),
    (
        "/openai/v1/chat/completions",
        {"model": "r1", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 4},
    ),
    ("/openai/v1/completions", {"model": "r1", "prompt": PROMPT, "max_tokens": 4}),
]
PROBES: list[tuple[str, dict[str, str]]] = [("ServerReady", {}), ("ModelReady", {"name": "r1"})]
REQUESTS = {method.name: method.request for method in messages.METHODS}
GETS = ("/v2/health/live", "/v2/health/ready", "/v2/models/r1/ready", "/metrics")


@contextmanager
def under_load(predictor: Predictor) -> Iterator[None]:
    """Ask a predictor all the time, and once in every way before the block begins."""
    stop, has_asked = threading.Event(), threading.Event()
    thread = threading.Thread(target=ask, args=(predictor, stop, has_asked), daemon=True)
    thread.start()
    while not has_asked.wait(0.1):
        assert thread.is_alive(), predictor.output
    try:
        yield
    finally:
        stop.set()
        thread.join(60)


def ask(predictor: Predictor, stop: threading.Event, has_asked: threading.Event) -> None:
    with (
        httpx.Client(base_url=predictor.url, timeout=60) as client,
        grpc.insecure_channel(predictor.grpc_address) as channel,
    ):
        while not stop.is_set():
            for path, body in POSTS:
                client.post(path, json=body)
            for path in GETS:
                client.get(path)
            for name, fields in PROBES:
                call(channel, name, REQUESTS[name](**fields))
            infer(channel, "ModelInfer")
            infer(channel, "ModelStreamInfer")
            has_asked.set()
            # Some requests a second are enough, and leave the machine to others.
            stop.wait(PAUSE_S)


def infer(channel: grpc.Channel, name: str) -> None:
    request = messages.ModelInferRequest(model_name="r1")
    tensor = request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    tensor.contents.bytes_contents.append(PROMPT.encode())
    request.parameters["max_tokens"].int64_param = 4
    try:
        call(channel, name, request)
    except grpc.RpcError as error:
        # The faults that are on; anything else is a mistake of this file.
        if error.code() is not grpc.StatusCode.INTERNAL:
            raise
