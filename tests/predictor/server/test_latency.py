"""How long an answer takes on its way."""

import socket
import statistics
import time
from typing import Any

import pytest

ACKNOWLEDGEMENT_DELAY_S = 0.04


@pytest.mark.timing
def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_head(predictor: Any) -> None:
    host, _, port = predictor.url.removeprefix("http://").partition(":")
    elapsed_s = []
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        answers = connection.makefile("rb")
        for _ in range(15):
            started = time.monotonic()
            # Two requests at once: one alone is acknowledged by the next.
            connection.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
            for _ in range(2):
                while not answers.readline().startswith(b"content-type"):
                    pass
                assert answers.readline() == b"\r\n"
                assert answers.read(13) == b'{"live":true}'
            elapsed_s.append(time.monotonic() - started)

    assert statistics.median(elapsed_s) < ACKNOWLEDGEMENT_DELAY_S / 2
