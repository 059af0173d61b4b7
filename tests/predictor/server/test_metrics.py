"""/metrics of a running predictor, on which rollouts, alerts and dashboards stand."""

import json
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from typing import Any

import grpc
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from predictor.metrics import GENERATING_ROUTES
from predictor.protocol import messages
from tests.predictor.server.gauges import wait_until

PATHS = {
    "infer": "/v2/models/r1/infer",
    "generate": "/v2/models/r1/generate",
    "generate_stream": "/v2/models/r1/generate_stream",
    "chat_completions": "/openai/v1/chat/completions",
    "completions": "/openai/v1/completions",
}

# What the Python client and kserve register of their own.
FOREIGN = ("python_", "process_", "request_")


def scrape(url: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return every sample by its name and labels."""
    text = httpx.get(f"{url}/metrics", timeout=60).raise_for_status().text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: dict[Any, float], name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


def test_a_generation_is_counted_timed_and_measured(predictor: Any, rest: httpx.Client) -> None:
    before = scrape(predictor.url)
    body = {"text_input": "3*4=", "parameters": {"temperature": 0, "enable_thinking": False}}
    rest.post("/generate", json=body).raise_for_status()
    after = scrape(predictor.url)

    def added(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert added("r1_requests_total", protocol="rest", route="generate", outcome="ok") == 1
    assert added("gen_ai_server_time_to_first_token_seconds_count") == 1
    assert added("r1_queue_time_seconds_count") == 1
    # "1", "2" and the end.
    assert added("r1_completion_tokens_sum") == 3
    assert added("r1_inter_token_seconds_count") == 2
    assert added("r1_longest_gap_seconds_count") == 1
    assert added("r1_finish_reasons_total", reason="eos_token") == 1
    assert value(after, "r1_requests_in_flight", protocol="rest") == 1, "the scrape itself"
    assert value(after, "r1_sequences_running") == value(after, "r1_kv_blocks_used") == 0


def test_a_stream_that_its_client_leaves_has_a_longest_gap(
    predictor: Any, rest: httpx.Client
) -> None:
    name = "r1_longest_gap_seconds_count"
    before = value(scrape(predictor.url), name)
    body = {"text_input": "hello", "parameters": {"ignore_eos": True, "max_tokens": 3000}}
    with rest.stream("POST", "/generate_stream", json=body) as answer:
        events = (line for line in answer.iter_lines() if line.startswith("data:"))
        first_three = list(islice(events, 3))

    assert len(first_three) == 3
    wait_until(lambda: value(scrape(predictor.url), name) == before + 1)


@pytest.mark.parametrize("route", GENERATING_ROUTES["rest"])
def test_a_rest_route_that_generates_has_the_name_that_is_counted(
    predictor: Any, route: str
) -> None:
    labels = {"protocol": "rest", "route": route, "outcome": "refused"}
    before = value(scrape(predictor.url), "r1_requests_total", **labels)
    httpx.post(f"{predictor.url}{PATHS[route]}", json={}, timeout=60)
    after = value(scrape(predictor.url), "r1_requests_total", **labels)

    assert after == before + 1


@pytest.mark.parametrize("route", GENERATING_ROUTES["grpc"])
def test_a_grpc_method_that_generates_has_the_name_that_is_counted(
    predictor: Any, rpc: Callable[..., Any], route: str
) -> None:
    labels = {"protocol": "grpc", "route": route, "outcome": "refused"}
    before = value(scrape(predictor.url), "r1_requests_total", **labels)
    # A stream answers with an error in place of failing.
    with suppress(grpc.RpcError):
        rpc(route, messages.ModelInferRequest(model_name="r1"))
    after = value(scrape(predictor.url), "r1_requests_total", **labels)

    assert after == before + 1


def test_what_is_served_can_be_told_from_another_revision(predictor: Any) -> None:
    (labels,) = (dict(labels) for name, labels in scrape(predictor.url) if name == "r1_build_info")

    assert labels["model"] == "r1"
    assert labels["revision"] == "r1-predictor-00007"
    assert len(labels["model_digest"]) == len(labels["defaults_digest"]) == 16
    assert labels["model_digest"] != labels["defaults_digest"]


def test_names_and_ids_from_clients_add_no_series(predictor: Any, rpc: Callable[..., Any]) -> None:
    ask_pipelined(predictor.url, 2)
    rpc("ServerLive", messages.ServerLiveResponse())
    before = set(scrape(predictor.url))
    ask_pipelined(predictor.url, 1000)
    after = set(scrape(predictor.url))

    assert after == before


def ask_pipelined(url: str, num_requests: int) -> None:
    """Ask for models, paths and ids that nobody has heard of, half of them known routes."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = connection.makefile("rb")
        for _ in range(num_requests // 2):
            name = secrets.token_hex(8)
            body = json.dumps({"id": name, "inputs": []})
            head = f"Host: {name}\r\nContent-Type: application/json\r\nX-Id: {name}"
            connection.sendall(
                f"GET /{name}?{name} HTTP/1.1\r\nHost: {name}\r\n\r\n"
                f"POST /v2/models/{name}/infer HTTP/1.1\r\n{head}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            for _ in range(2):
                read_answer(answers)


def read_answer(answers: Any) -> None:
    assert answers.readline().split()[1] == b"404"
    length = 0
    while (line := answers.readline().strip()) != b"":
        name, _, text = line.partition(b":")
        length = int(text) if name.lower() == b"content-length" else length
    assert len(answers.read(length)) == length


@pytest.fixture(scope="module")
def failing(module_start: Callable[..., Any]) -> Any:
    """A predictor that fails every generation."""
    return module_start("--model-dir=demo", R1_FAULTS='{"error_rate": 1.0}')


@pytest.mark.parametrize("route", ["generate", "generate_stream"])
def test_a_failure_is_an_error_whatever_its_http_status(failing: Any, route: str) -> None:
    url = f"{failing.url}/v2/models/r1/{route}"

    answer = httpx.post(url, json={"text_input": "3*4="}, timeout=60)
    samples = scrape(failing.url)

    assert answer.status_code == (500 if route == "generate" else 200)
    assert "the model's output is not finite" in answer.text
    assert value(samples, "r1_requests_total", protocol="rest", route=route, outcome="error") == 1
    assert "FAULTS ARE ON" in failing.output
