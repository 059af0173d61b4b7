"""The null server over HTTP, asked by clients that are not ours."""

import json
import socket
from pathlib import Path

import httpx
import numpy as np
import pytest
from openai import OpenAI
from tritonclient.http import InferenceServerClient, InferInput

from loadtest.nullserver.golden import Golden, read
from tests.loadtest.null_servers import NullServer, null_server

CHAT = {"model": "r1", "messages": [{"role": "user", "content": "1+1="}]}
MS = 1_000_000


def openai_client(server: NullServer) -> OpenAI:
    return OpenAI(base_url=f"{server.url}/v1", api_key="none")


def events(response: httpx.Response) -> list[str]:
    return [line.removeprefix("data: ") for line in response.text.splitlines() if line]


def ask_raw(server: NullServer, request: bytes) -> bytes:
    """Return all that comes until the server closes."""
    host, port = server.http.split(":")
    with socket.create_connection((host, int(port)), 5) as sock:
        sock.sendall(request)
        with sock.makefile("rb") as answer:
            return answer.read()


def test_infer_answers_in_the_protocols_shape(prompt_server: NullServer) -> None:
    answer = httpx.post(f"{prompt_server.url}/v2/models/r1/infer", json={"inputs": []}).json()
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    assert outputs["text_output"] == ["word " * 6]
    assert outputs["completion_tokens"] == [6]
    assert outputs["finish_reason"] == ["length"]


def test_tritons_client_understands_infer(prompt_server: NullServer) -> None:
    question = InferInput("text_input", [1], "BYTES")
    question.set_data_from_numpy(np.array([b"1+1="], dtype=object))
    with InferenceServerClient(prompt_server.http) as client:
        answer = client.infer("r1", [question])
    assert answer.as_numpy("text_output").tolist() == ["word " * 6]


def test_a_stream_has_the_profiles_chunks_and_ends_with_the_details(
    prompt_server: NullServer,
) -> None:
    response = httpx.post(f"{prompt_server.url}/v2/models/r1/generate_stream", json={})
    *chunks, last = map(json.loads, events(response))
    assert [chunk["text_output"] for chunk in chunks] == ["word word "] * 3
    assert last["details"]["usage"]["completion_tokens"] == 6


@pytest.mark.parametrize("stream_options", [None, {"include_usage": True}])
def test_openais_client_understands_a_chats_stream(
    prompt_server: NullServer, stream_options: dict[str, bool] | None
) -> None:
    more = {"stream_options": stream_options} if stream_options else {}
    parts = list(openai_client(prompt_server).chat.completions.create(**CHAT, **more, stream=True))
    text = "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
    usages = [part.usage.completion_tokens for part in parts if part.usage]
    assert (text, usages) == ("word " * 6, [6] if stream_options else [])


def test_openais_client_understands_whole_answers_and_models(prompt_server: NullServer) -> None:
    client = openai_client(prompt_server)
    chat = client.chat.completions.create(**CHAT)
    completion = client.completions.create(model="r1", prompt="1+1=")
    assert chat.choices[0].message.content == completion.choices[0].text == "word " * 6
    assert [model.id for model in client.models.list()] == ["r1"]


@pytest.mark.parametrize("path", ["/v2", "/v2/health/ready", "/v2/models/r1/ready", "/metrics"])
def test_what_clients_look_at_first_is_there(prompt_server: NullServer, path: str) -> None:
    assert httpx.get(f"{prompt_server.url}{path}").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v2/models/other/infer", "{}", 404),
        ("GET", "/v2/models/r1/infer", "", 404),
        ("POST", "/v1/chat/completions", "no json", 400),
        ("POST", "/v1/completions", "[]", 400),
    ],
)
def test_what_it_does_not_have_is_refused(
    prompt_server: NullServer, method: str, path: str, body: str, status: int
) -> None:
    response = httpx.request(method, f"{prompt_server.url}{path}", content=body)
    assert response.status_code == status


def test_requests_in_one_go_are_answered_one_after_another(faulty_server: NullServer) -> None:
    head = b"%b HTTP/1.1\r\nHost: n\r\n%b\r\n"
    requests = (
        head % (b"POST /v2/models/r1/generate_stream", b"Content-Length: 2\r\n") + b"{}",
        head % (b"GET /v2/health/ready", b"Connection: close\r\n"),
    )
    answer = ask_raw(faulty_server, b"".join(requests))
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.endswith(b'{"ready":true}')


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"NO HTTP\r\n\r\n", b"400"),
        (b"POST /v2/models/r1/generate_stream HTTP/1.0\r\n\r\n", b"505"),
    ],
    ids=["not HTTP", "a stream over HTTP/1.0"],
)
def test_a_wrong_request_is_told_so_and_closed(
    prompt_server: NullServer, request_line: bytes, status: bytes
) -> None:
    assert ask_raw(prompt_server, request_line).split()[1] == status


def test_faults_come_in_their_turn(faulty_server: NullServer) -> None:
    url = f"{faulty_server.url}/v2/models/r1/generate_stream"
    with httpx.Client() as client:
        assert len(events(client.post(url, json={}))) == 5
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            client.post(url, json={})
        assert client.post(url, json={}).status_code == 500
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            client.post(url, json={})
        assert len(events(client.post(url, json={}))) == 2


def test_requests_above_the_rate_are_told_when_to_come_back() -> None:
    with null_server("--refuse-above=0.1") as server:
        url = f"{server.url}/v2/models/r1/infer"
        answers = [httpx.post(url, json={}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 503]
    assert answers[1].headers["retry-after"] == "1"


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Golden:
    """Of a stream with index 7 and, sent while the server stood still, a request with index 8."""
    path: Path = tmp_path_factory.mktemp("null") / "golden"
    flags = ("--ttft=20ms", "--gap=10ms", "--chunks=3", "--service=5ms")
    stall = ("--stall-at=45ms", "--stall=400ms")
    with null_server(f"--golden={path}", *flags, *stall) as server, httpx.Client() as client:
        url = f"{server.url}/v2/models/r1"
        client.post(f"{url}/generate_stream", json={}, headers={"x-request-id": "run-7"})
        client.post(f"{url}/infer", json={}, headers={"X-Request-Id": "run-8"})
    return read(path)


def test_golden_tells_which_requests_came_and_how_many_chunks_went(golden: Golden) -> None:
    assert golden.index.tolist() == [7, 8]
    assert golden.num_chunks.tolist() == [3, 1]


def test_chunks_are_never_handed_over_before_they_are_due(golden: Golden) -> None:
    after_ms = (golden.handed[:3] - golden.received[0]) / MS
    assert (after_ms >= [20, 30, 40]).all()


def test_chunks_are_handed_over_one_by_one(golden: Golden) -> None:
    assert (np.diff(golden.handed[:3]) > 0).all()


def test_a_stall_holds_everything(golden: Golden) -> None:
    assert golden.handed[-1] - golden.received[0] >= 445 * MS
