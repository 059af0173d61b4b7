"""REST clients that others wrote, each in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CLIENTS = Path(__file__).with_name("clients")
QUESTION = "what is 128 + 367?"
GREEDY = {"temperature": 0}
# How text_input, temperature, text_output and completion_tokens travel.
FORMS = (
    "json json json json",
    "json json binary binary",
    "binary binary json json",
    "binary binary binary binary",
    "binary json json binary",
    "json binary binary json",
)
EVERY_OUTPUT = [
    *("text_output", "reasoning_output", "finish_reason"),
    *("prompt_tokens", "reasoning_tokens", "completion_tokens"),
]

Curl = Callable[..., str]


def ask(script: str, *arguments: str) -> dict[str, Any]:
    """Return what a client's script printed."""
    command = [sys.executable, "-W", "ignore", str(CLIENTS / script), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert result.returncode == 0, result.stderr
    answers: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return answers


@pytest.fixture(scope="module")
def triton(predictor: Any) -> dict[str, Any]:
    return ask("rest_triton.py", predictor.url.removeprefix("http://"), *FORMS)


@pytest.fixture(scope="module")
def kserve(predictor: Any) -> dict[str, Any]:
    return ask("rest_kserve.py", predictor.url)


@pytest.fixture
def curl(predictor: Any) -> Curl:
    """Run curl on a path of the server and return what it printed."""

    def run(path: str, *options: str) -> str:
        command = ["curl", "--silent", "--show-error", "--max-time", "60", *options]
        result = subprocess.run(
            [*command, predictor.url + path], capture_output=True, timeout=100, check=True
        )
        return result.stdout.decode()

    return run


def test_tritonclient_sees_a_live_and_ready_server(triton: dict[str, Any]) -> None:
    assert [triton[name] for name in ("live", "ready", "model_ready")] == [True] * 3
    assert triton["other_ready"] is False
    assert triton["server"]["name"] == "kserve-r1"
    assert (triton["model"]["name"], triton["model"]["versions"]) == ("r1", ["1"])
    (entry,) = triton["index"]
    assert (entry["name"], entry["version"], entry["state"]) == ("r1", "1", "READY")


@pytest.mark.parametrize("forms", FORMS)
def test_tritonclient_infers_with_tensors_in_json_binary_or_both(
    triton: dict[str, Any], forms: str
) -> None:
    *_, answer, count = forms.split()
    assert triton["infer"][",".join(forms.split())] == {
        "id": "7",
        "outputs": ["completion_tokens", "text_output"],
        "in_json": [count == "json", answer == "json"],
        "answer": "495",
        "num_tokens": 54,
    }


def test_tritonclient_gets_every_output_when_it_asks_for_none(triton: dict[str, Any]) -> None:
    assert triton["everything"] == EVERY_OUTPUT


def test_tritonclients_concurrent_requests_each_get_their_own_answer(
    triton: dict[str, Any],
) -> None:
    assert triton["at_once"] == [str(2 * number) for number in range(100, 116)]


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        pytest.param("refusal", "400", "top_p is 2.0, must be", id="value"),
        pytest.param("sequence", "400", "unknown parameter 'sequence_id'", id="sequence"),
        pytest.param("compressed", "415", "content-encoding is 'gzip'", id="gzip"),
    ],
)
def test_tritonclient_hears_what_was_wrong(
    triton: dict[str, Any], name: str, status: str, words: str
) -> None:
    assert triton[name][0] == status
    assert words in triton[name][1]


def test_kserves_client_sees_a_live_and_ready_server(kserve: dict[str, Any]) -> None:
    assert [kserve[name] for name in ("live", "ready", "model_ready")] == [True] * 3
    assert kserve["other_ready"] is False


@pytest.mark.parametrize("form", ["json", "binary"])
def test_kserves_client_infers(kserve: dict[str, Any], form: str) -> None:
    answer = kserve[form]

    assert (answer["id"], answer["model"][0]) == ("7", "r1")
    assert (answer["answer"], answer["num_tokens"]) == (["495"], [54])


def test_kserves_client_hears_what_was_wrong(kserve: dict[str, Any]) -> None:
    status, message = kserve["refusal"]

    assert status == 400
    assert message.startswith("top_p is 2.0, must be a number above 0 and at most 1")


def test_httpx_streams_many_answers_at_once(predictor: Any) -> None:
    streams = ask("rest_httpx.py", predictor.url)["streams"]

    assert [stream["answer"] for stream in streams] == [str(2 * s["question"]) for s in streams]
    assert all(stream["num_events"] > 3 for stream in streams)
    assert {stream["finish_reason"] for stream in streams} == {"eos_token"}


def test_curl_infers(curl: Curl) -> None:
    tensor = {"name": "text_input", "shape": [1], "datatype": "BYTES", "data": [QUESTION]}
    body = {"id": "7", "inputs": [tensor], "parameters": GREEDY}

    answer = json.loads(curl("/v2/models/r1/infer", "--json", json.dumps(body)))

    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    assert list(outputs) == EVERY_OUTPUT
    assert (answer["id"], outputs["text_output"], outputs["finish_reason"]) == (
        "7",
        ["495"],
        ["stop"],
    )


def test_curl_sends_and_gets_binary_tensors(curl: Curl, tmp_path: Path) -> None:
    """The bytes are written out by hand, after the extension's text alone."""
    prompt = len(QUESTION).to_bytes(4, "little") + QUESTION.encode()
    head = {
        "inputs": [
            {
                "name": "text_input",
                "shape": [1],
                "datatype": "BYTES",
                "parameters": {"binary_data_size": len(prompt)},
            }
        ],
        "parameters": GREEDY,
        "outputs": [
            {"name": "text_output", "parameters": {"binary_data": True}},
            {"name": "completion_tokens", "parameters": {"binary_data": True}},
        ],
    }
    text = json.dumps(head).encode()
    body = tmp_path / "body"
    body.write_bytes(text + prompt)

    answer = curl(
        "/v2/models/r1/infer",
        *("--include", "--data-binary", f"@{body}"),
        *("-H", "Content-Type: application/octet-stream"),
        *("-H", f"Inference-Header-Content-Length: {len(text)}"),
    )

    fields, _, content = answer.partition("\r\n\r\n")
    lines = [line.lower() for line in fields.splitlines()]
    binary = "\x03\0\0\x00495" + "\x36\0\0\0"
    assert f"content-length: {len(content)}" in lines
    assert "content-type: application/octet-stream" in lines
    assert f"inference-header-content-length: {len(content) - len(binary)}" in lines
    assert content.endswith(binary)


def test_curl_generates(curl: Curl) -> None:
    body = {"text_input": QUESTION, "parameters": GREEDY}

    answer = json.loads(curl("/v2/models/r1/generate", "--json", json.dumps(body)))

    assert answer["text_output"] == "495"
    assert answer["reasoning_output"].startswith("128+367")


def test_curl_streams(curl: Curl) -> None:
    body = {"text_input": QUESTION, "parameters": GREEDY}

    printed = curl("/v2/models/r1/generate_stream", "--no-buffer", "--json", json.dumps(body))

    events = [json.loads(line.removeprefix("data: ")) for line in printed.split("\n\n")[:-1]]
    assert "".join(event["text_output"] for event in events) == "495"
    assert len(events) > 3
    assert events[-1]["details"]["finish_reason"] == "eos_token"


@pytest.mark.parametrize(
    "options", [("--head",), ("--include", "-X", "OPTIONS")], ids=lambda o: o[-1]
)
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        pytest.param("/v2/health/live", "GET", id="live"),
        pytest.param("/v2/models/r1/infer", "POST", id="infer"),
        pytest.param("/openai/v1/chat/completions", "POST", id="chat"),
        pytest.param("/nowhere", None, id="nowhere"),
    ],
)
def test_curl_hears_which_methods_a_path_has(
    curl: Curl, options: tuple[str, ...], path: str, allowed: str | None
) -> None:
    status, *fields = curl(path, *options).splitlines()

    assert status.split()[1] == ("405" if allowed else "404")
    found = [field.split(": ")[1] for field in fields if field.lower().startswith("allow:")]
    assert found == ([allowed] if allowed else [])
