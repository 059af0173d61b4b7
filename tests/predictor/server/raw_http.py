"""A uvicorn server under the limited protocol, and raw connections to it."""

import asyncio
import json
import queue
import resource
import select
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn

from predictor.config import Limits
from predictor.server.http import limited_protocol

DEADLINE_S = 20
GET = b"GET /get HTTP/1.1\r\nHost: a\r\n\r\n"
MIB = 2**20
# In which held time passes.
STEP_S = 0.05
# Timeouts of no matter to a test.
LONG = {
    "header_timeout_s": 60.0,
    "body_timeout_s": 60.0,
    "idle_timeout_s": 60.0,
    "write_timeout_s": 60.0,
}


PATHS = {"slow", "refuse", "large", "brim", "early", "stream"}


class App:
    """One method for each of PATHS; whatever else is asked for is answered with what was read."""

    # Of the loop's time.
    pause_s = 0.1

    def __init__(self) -> None:
        self.num_running = self.max_running = 0
        self.has_closed_stream = threading.Event()
        self.connections: set[Any] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.num_running += 1
        self.max_running = max(self.max_running, self.num_running)
        try:
            name = scope["path"].strip("/")
            await getattr(self, name if name in PATHS else "get")(scope, receive, send)
        finally:
            self.num_running -= 1

    async def get(self, scope: Any, receive: Any, send: Any) -> None:
        num_bytes, has_more = 0, True
        while has_more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            num_bytes += len(message["body"])
            has_more = message["more_body"]
        names = [name.decode() for name, _ in scope["headers"]]
        await answer(send, 200, {"num_bytes": num_bytes, "headers": names})

    async def slow(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(self.pause_s)
        await self.get(scope, receive, send)

    async def refuse(self, scope: Any, receive: Any, send: Any) -> None:
        await answer(send, 413, {"error": "too large"})

    async def large(self, scope: Any, receive: Any, send: Any) -> None:
        await answer(send, 200, "x" * 32 * MIB)

    async def brim(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer with a little more than a client takes that does not read."""
        (connection,) = self.connections
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not connection.transport.get_write_buffer_size():
            await send({"type": "http.response.body", "body": bytes(1024), "more_body": True})
        await send({"type": "http.response.body"})

    async def early(self, scope: Any, receive: Any, send: Any) -> None:
        """Begin the answer before the body is read and end it much later."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        await asyncio.sleep(self.pause_s)
        await send({"type": "http.response.body", "body": b"ended"})

    async def stream(self, scope: Any, receive: Any, send: Any) -> None:
        writing = asyncio.create_task(self.write_for_ever(send))
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            writing.cancel()

    async def write_for_ever(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
                # Neither does a real stream go on without the loop.
                await asyncio.sleep(0)
        finally:
            self.has_closed_stream.set()


async def answer(send: Any, status: int, value: object) -> None:
    body = json.dumps(value).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Loop(asyncio.SelectorEventLoop):
    """Knows every timer that was set on it."""

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        super().__init__(selector)
        self.timers: list[asyncio.TimerHandle] = []

    def call_at(self, *args: Any, **keywords: Any) -> asyncio.TimerHandle:
        self.timers.append(super().call_at(*args, **keywords))
        return self.timers[-1]


class Clock(selectors.DefaultSelector):
    """A loop's selector and its time, which passes while the loop has nothing else to do."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.steps_s: queue.SimpleQueue[float] = queue.SimpleQueue()
        self.is_still = threading.Event()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        # A loop that has callbacks to run does not wait.
        if events or timeout == 0:
            return events
        with suppress(queue.Empty):
            self.now_s += self.steps_s.get_nowait()
            return []
        self.is_still.set()
        return super().select(timeout)


class HeldLoop(Loop):
    """A loop on which time passes only when it is told to."""

    def __init__(self) -> None:
        self.clock = Clock()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now_s


class Server:
    """A uvicorn server in a thread of its own."""

    def __init__(self, **limits: float) -> None:
        self.app = App()
        self.loop = self.make_loop()
        protocol = limited_protocol(Limits(**(LONG | limits)))  # type: ignore[arg-type]
        config = uvicorn.Config(
            self.app, http=protocol, ws="none", lifespan="off", log_config=None, access_log=False
        )
        self.uvicorn = uvicorn.Server(config)
        # Connections are kept waiting from now on: nobody needs to wait for the server.
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def make_loop(self) -> Loop:
        return Loop()

    def run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self.uvicorn.serve([self.listener]))

    def stop(self) -> None:
        self.uvicorn.should_exit = True
        self.thread.join(DEADLINE_S)
        assert not self.thread.is_alive()

    def wait_until_unconnected(self) -> None:
        wait_until(lambda: not self.uvicorn.server_state.connections)


class HeldServer(Server):
    """A server whose time passes only when it is told to, and as it stops."""

    loop: HeldLoop

    def make_loop(self) -> HeldLoop:
        return HeldLoop()

    def stop(self) -> None:
        self.uvicorn.should_exit = True
        deadline_s = time.monotonic() + DEADLINE_S
        while self.thread.is_alive() and time.monotonic() < deadline_s:
            self.loop.clock.steps_s.put(STEP_S)
            self.thread.join(0.001)
        super().stop()

    def pass_time(self, duration_s: float) -> None:
        """Let time pass, step by step, as soon as all is read that was sent.

        Whatever comes of it is done when this returns.
        """
        clock = self.loop.clock
        for _ in range(round(duration_s / STEP_S)):
            clock.steps_s.put(STEP_S)
        clock.is_still.clear()
        # Wakes the loop.
        self.loop.call_soon_threadsafe(clock.is_still.clear)
        assert clock.is_still.wait(DEADLINE_S)


def wait_until(has_happened: Callable[[], bool]) -> None:
    started_s = time.monotonic()
    while not has_happened():
        assert time.monotonic() < started_s + DEADLINE_S
        threading.Event().wait(0.01)


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection; whatever it waits for must come within the deadline."""

    def __init__(self, server: Server) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S)
        self.reader = self.socket.makefile("rb")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self) -> Response:
        status = int(self.reader.readline().split()[1])
        lines = iter(self.reader.readline, b"\r\n")
        headers = dict(line.decode().strip().split(": ", 1) for line in lines)
        body = self.reader.read(int(headers.get("content-length", 0)))
        return Response(status, headers, body)

    def read_to_end(self) -> bytes:
        return self.reader.read()

    def has_nothing_to_read(self) -> bool:
        """Whether the connection is open and silent."""
        return not select.select([self.socket], [], [], 0)[0]


def get_rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def post(path: str, body: bytes, *, chunked: bool = False, headers: bytes = b"") -> bytes:
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    data = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    head = b"POST /%s HTTP/1.1\r\nHost: a\r\n%s\r\n%s\r\n" % (path.encode(), framing, headers)
    return head + data


def assert_refused(client: Client, status: int, words: str) -> None:
    response = client.read()
    assert response.status == status
    assert response.headers["content-type"] == "application/json"
    assert response.headers["connection"] == "close"
    assert list(response.json) == ["error"]
    assert words in response.json["error"]
    assert client.read_to_end() == b""
