"""What the client can do with one core; the server is another process."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.loadtest.net import epoll_server
from tests.loadtest.net.driving import Session, a_prompt, session
from tests.loadtest.net.raw_server import EVENT, LAST, STREAM_HEAD, WHOLE, chunk, sized

STREAM = STREAM_HEAD + chunk(EVENT) * 100 + chunk(LAST) + chunk(b"")


class ClosedLoop(Session):
    """Starts the next request as soon as one is done, up to ``goal``."""

    num_done: int = 0

    def finish(self, exchange: object) -> None:
        self.num_done += 1
        if self.num_started < self.goal:
            self.start(a_prompt())
        elif self.num_done == self.goal:
            self.reactor.stop()


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("protocol", "answer", "num_requests", "least"),
    [
        pytest.param("v2-generate", sized(WHOLE), 40_000, 10_000, id="unary"),
        # A stream of 101 events: 200,000 events.
        pytest.param("v2-stream", STREAM, 4_000, 200_000 / 101, id="stream"),
    ],
)
def test_requests_a_second_of_cpu(
    protocol: str, answer: bytes, num_requests: int, least: float
) -> None:
    command = [sys.executable, str(Path(epoll_server.__file__))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(answer)
        server.stdin.close()
        target = f"http://127.0.0.1:{int(server.stdout.readline())}"
        with session(target, protocol=protocol) as opened:
            loop = ClosedLoop(opened.client, opened.reactor, opened.wire, goal=num_requests)
            began = time.process_time()
            for _ in range(8):
                loop.start(a_prompt())
            loop.reactor.run()
            rate = num_requests / (time.process_time() - began)
        server.kill()
    assert rate > least
