"""Ask a predictor by tritonclient, and print what it said as JSON."""

import json
import queue
import sys
from typing import Any

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

QUESTION = "what is 128 + 367?"
GREEDY = {"temperature": 0.0}


def text_input(prompt: str) -> list[Any]:
    tensor = triton.InferInput("text_input", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([prompt.encode()], dtype=np.object_))
    return [tensor]


def text_of(result: Any, name: str) -> str:
    array = result.as_numpy(name)
    text: str = "" if array is None else array[0].decode()
    return text


def infer(client: Any) -> dict[str, Any]:
    outputs = [triton.InferRequestedOutput(name) for name in ("completion_tokens", "text_output")]
    result = client.infer(
        "r1", text_input(QUESTION), request_id="7", outputs=outputs, parameters=GREEDY
    )
    response = result.get_response()
    return {
        "id": response.id,
        "outputs": [output.name for output in response.outputs],
        "answer": text_of(result, "text_output"),
        "num_tokens": int(result.as_numpy("completion_tokens")[0]),
    }


def stream(client: Any, **keywords: Any) -> list[dict[str, Any]]:
    """Return the responses to one request, up to the final one."""
    results: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: results.put(error or result))
    client.async_stream_infer(
        "r1", text_input(QUESTION), request_id="8", parameters=GREEDY, **keywords
    )
    responses = []
    while not responses or not responses[-1].get("is_final", True):
        responses.append(describe(results.get(timeout=60)))
    client.stop_stream()
    return responses


def describe(result: Any) -> dict[str, Any]:
    if isinstance(result, InferenceServerException):
        return {"error": str(result)}
    response = result.get_response()
    return {
        "id": response.id,
        "answer": text_of(result, "text_output"),
        "num_outputs": len(response.outputs),
        "is_final": response.parameters["triton_final_response"].bool_param,
    }


def refusal(client: Any) -> list[str]:
    try:
        client.infer("r1", text_input(QUESTION), parameters={"top_p": 2.0})
    except InferenceServerException as error:
        return [error.status(), error.message()]
    raise AssertionError("it was not refused")


def main() -> None:
    client = triton.InferenceServerClient(sys.argv[1])
    answers = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready("r1", "1"),
        "server": client.get_server_metadata(as_json=True),
        "model": client.get_model_metadata("r1", as_json=True),
        "index": client.get_model_repository_index(as_json=True),
        "infer": infer(client),
        "refusal": refusal(client),
        "stream": stream(client),
        "stream_empty_final": stream(client, enable_empty_final_response=True),
        "stream_sequence": stream(client, sequence_id=7, sequence_start=True),
    }
    client.close()
    json.dump(answers, sys.stdout)


main()
