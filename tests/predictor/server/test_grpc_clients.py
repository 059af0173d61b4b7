"""Clients that others wrote; each registers its own messages, so each has its own process."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CLIENTS = Path(__file__).with_name("clients")


def ask(script: str, *arguments: str) -> dict[str, Any]:
    """Return what a client's script printed."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", str(CLIENTS / script), *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    answers: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return answers


@pytest.fixture(scope="module")
def triton(predictor: Any) -> dict[str, Any]:
    return ask("triton.py", predictor.grpc_address)


def test_tritonclient_sees_a_live_and_ready_server(triton: dict[str, Any]) -> None:
    assert [triton[name] for name in ("live", "ready", "model_ready")] == [True] * 3
    assert triton["server"]["name"] == "kserve-r1"
    assert (triton["model"]["name"], triton["model"]["versions"]) == ("r1", ["1"])
    assert triton["index"] == {"models": [{"name": "r1", "version": "1", "state": "READY"}]}


def test_tritonclient_infers_and_hears_of_errors(triton: dict[str, Any]) -> None:
    num_tokens = triton["infer"].pop("num_tokens")
    assert num_tokens > 10
    assert triton["infer"] == {
        "id": "7",
        "outputs": ["completion_tokens", "text_output"],
        "answer": "495",
    }
    status, message = triton["refusal"]
    assert status == "StatusCode.INVALID_ARGUMENT"
    assert "top_p is 2" in message


@pytest.mark.parametrize(
    ("name", "has_empty_final"),
    [
        pytest.param("stream", False, id="plain"),
        pytest.param("stream_empty_final", True, id="empty"),
    ],
)
def test_tritonclient_streams_up_to_the_final_response(
    triton: dict[str, Any], name: str, has_empty_final: bool
) -> None:
    responses = triton[name]

    assert len(responses) > 3
    assert {response["id"] for response in responses} == {"8"}
    assert "".join(response["answer"] for response in responses) == "495"
    assert [response["is_final"] for response in responses[-2:]] == [False, True]
    assert (responses[-1]["num_outputs"] == 0) is has_empty_final


def test_tritonclient_hears_that_there_are_no_sequences(triton: dict[str, Any]) -> None:
    (response,) = triton["stream_sequence"]

    assert "parameter 'sequence_" in response["error"]


@pytest.mark.parametrize("contents", ["typed", "raw"])
def test_kserves_client_infers(predictor: Any, contents: str) -> None:
    answers = ask("kserve_grpc.py", predictor.grpc_address, contents)

    assert [answers[name] for name in ("live", "ready", "model_ready")] == [True] * 3
    assert answers["id"] == "7"
    assert (answers["finish_reason"], answers["reasoning_tokens"]) == ("stop", 4)
