"""Predictors that stop, are killed, or are taken out by hand."""

import json
import re
import signal
import subprocess
from collections.abc import Callable

import httpx
import pytest

from tests.manifests.single_host.conftest import ports
from tests.manifests.single_host.front import Front, readme
from tests.predictor.server.conftest import Predictor
from tests.predictor.server.gauges import held, wait_until

STREAM = "/v2/models/r1/generate_stream"
LONG = {"text_input": "hello", "parameters": {"ignore_eos": True, "max_tokens": 200}}
SHORT = {"text_input": "3*4=", "parameters": {"temperature": 0, "enable_thinking": False}}

Start = Callable[..., Front]


def ask(client: httpx.Client, num: int) -> list[int]:
    return [client.post("/v2/models/r1/generate", json=SHORT).status_code for _ in range(num)]


@pytest.mark.nightly
def test_one_that_drains_finishes_its_own_and_the_other_takes_the_rest(
    start_front: Start, pair: list[Predictor], start_doomed: Callable[[], Predictor]
) -> None:
    leaving = start_doomed()
    # Listed first, it is asked first.
    front = start_front(ports(leaving, pair[0]))

    with front.client() as client, front.client() as second:
        with (
            client.stream("POST", STREAM, json=LONG) as response,
            # The other has a stream too: where one has fewer it is asked first.
            client.stream("POST", STREAM, json=LONG),
        ):
            events = (line for line in response.iter_lines() if line)
            next(events)
            wait_until(lambda: held(leaving)["r1_sequences_running"] == 1)
            leaving.process.send_signal(signal.SIGTERM)
            wait_until(lambda: httpx.get(f"{leaving.url}/v2/health/ready").status_code == 503)
            during = ask(second, 10)
            ready = client.get("/v2/health/ready").status_code
            last = list(events)[-1]
        assert leaving.process.wait(30) == 0
        after = ask(client, 10)

    assert during + after == [200] * 20
    assert ready == 200
    assert json.loads(last.removeprefix("data: "))["details"]["finish_reason"] == "length"
    assert "503 : 200" in {line["upstream_status"] for line in front.access_log()}


def test_after_one_is_killed_no_request_fails(
    start_front: Start, pair: list[Predictor], start_doomed: Callable[[], Predictor]
) -> None:
    leaving = start_doomed()
    front = start_front(ports(leaving, pair[0]))

    with front.client() as client:
        before = ask(client, 4)
        leaving.process.kill()
        leaving.process.wait()
        after = ask(client, 12)

    assert before + after == [200] * 16
    assert "502, 200" in {line["upstream_status"] for line in front.access_log()}


@pytest.mark.parametrize("gone", [0, 1])
def test_one_that_is_set_down_by_the_readmes_command_is_asked_no_more(
    start_front: Start, pair: list[Predictor], gone: int
) -> None:
    front = start_front(ports(*pair))
    stays = ports(pair[1 - gone])

    take_out(front, ports(pair[gone]))
    front.reload()
    with front.client() as client, front.channel() as channel:
        statuses = ask(client, 6)
        live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
        for _ in range(4):
            live(b"", metadata=tuple(front.bearer().items()), timeout=20)

    assert statuses == [200] * 6
    assert {line["upstream"] for line in front.access_log()} == {
        f"127.0.0.1:{port}" for port in stays
    }


def take_out(front: Front, gone: list[int]) -> None:
    """Run the README's command, with the ports of this front."""
    (command,) = re.findall(r"^sed -i -E .*$", readme(), re.MULTILINE)
    command = command.replace("/etc/nginx", str(front.directory))
    command = command.replace("8080", str(gone[0])).replace("8081", str(gone[1]))
    subprocess.run(["bash", "-c", command], check=True)
