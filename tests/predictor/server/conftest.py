"""A real predictor on the embedded model, in its own processes, on free loopback ports."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.message import Message

from predictor.protocol import messages

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30


@dataclass
class Predictor:
    """A started ``r1-predictor``; everything it prints is kept."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    is_ready: threading.Event = field(default_factory=threading.Event)
    reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self.read_output, daemon=True)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    @property
    def url(self) -> str:
        return self._address("REST")

    @property
    def grpc_address(self) -> str:
        return self._address("gRPC")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT_S)

    def read_output(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.lines.append(line)
                if "Ask it:" in line:
                    self.is_ready.set()
        # The end of the output wakes a waiter too: the process is gone.
        self.is_ready.set()

    def _address(self, name: str) -> str:
        match = re.search(rf"{name} +(\S+)", self.output)
        assert match is not None, self.output
        return match.group(1)


def start_predictor(*flags: str, **environment: str) -> Predictor:
    """Start a predictor and wait until it is ready or has ended."""
    command = [sys.executable, "-m", "predictor", "--http-port=0", "--grpc-port=0"]
    process = subprocess.Popen(
        [*command, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
    )
    predictor = Predictor(process)
    predictor.reader.start()
    if not predictor.is_ready.wait(START_TIMEOUT_S):
        process.kill()
        pytest.fail(f"no predictor after {START_TIMEOUT_S} s:\n{predictor.output}")
    return predictor


@pytest.fixture
def start() -> Iterator[Callable[..., Predictor]]:
    """Start predictors of one's own; what still runs at the end of the test is killed."""
    with own_predictors() as start:
        yield start


@pytest.fixture(scope="module")
def module_start() -> Iterator[Callable[..., Predictor]]:
    """The same for a module's own."""
    with own_predictors() as start:
        yield start


@pytest.fixture(scope="session")
def victim() -> Iterator[Predictor]:
    """A predictor whose ruin would spare the other tests, with a short patience for readers."""
    with own_predictors() as start:
        yield start("--model-dir=demo", "--write-timeout-s=1")


@contextmanager
def own_predictors() -> Iterator[Callable[..., Predictor]]:
    started: list[Predictor] = []

    def start(*flags: str, **environment: str) -> Predictor:
        started.append(start_predictor(*flags, **environment))
        return started[-1]

    try:
        yield start
    finally:
        for predictor in started:
            predictor.process.kill()
            predictor.process.wait()
            predictor.reader.join(STOP_TIMEOUT_S)


@pytest.fixture
def rest(predictor: Predictor) -> Iterator[httpx.Client]:
    """A REST client whose paths begin at the model."""
    with httpx.Client(base_url=f"{predictor.url}/v2/models/r1", timeout=60) as client:
        yield client


@pytest.fixture
def rpc(predictor: Predictor) -> Iterator[Callable[..., Any]]:
    """Call a method of the gRPC service by name, with a message or, for a stream, several."""
    with grpc.insecure_channel(predictor.grpc_address) as channel:
        yield partial(call, channel)


def call(channel: grpc.Channel, name: str, *requests: Message) -> Any:
    method = next(method for method in messages.METHODS if method.name == name)
    kind = channel.stream_stream if method.is_request_stream else channel.unary_unary
    rpc = kind(
        f"/{messages.SERVICE}/{name}",
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )
    if method.is_request_stream:
        return list(rpc(iter(requests), timeout=60))
    (request,) = requests
    return rpc(request, timeout=60)
