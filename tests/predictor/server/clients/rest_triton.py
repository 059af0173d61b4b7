"""Ask a predictor by tritonclient.http, and print what it said as JSON."""

import json
import sys
from typing import Any

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

QUESTION = "what is 128 + 367?"
GREEDY = {"temperature": 0.0}


def text_input(prompt: str, *, binary: bool) -> Any:
    tensor = triton.InferInput("text_input", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([prompt.encode()], dtype=np.object_), binary_data=binary)
    return tensor


def temperature(*, binary: bool) -> Any:
    tensor = triton.InferInput("temperature", [1], "FP32")
    tensor.set_data_from_numpy(np.array([0.0], dtype=np.float32), binary_data=binary)
    return tensor


def infer(client: Any, text: str, option: str, answer: str, count: str) -> dict[str, Any]:
    """Each argument after the client says whether that tensor is ``binary`` or ``json``."""
    inputs = [
        text_input(QUESTION, binary=text == "binary"),
        temperature(binary=option == "binary"),
    ]
    outputs = [
        triton.InferRequestedOutput("completion_tokens", binary_data=count == "binary"),
        triton.InferRequestedOutput("text_output", binary_data=answer == "binary"),
    ]
    result = client.infer("r1", inputs, request_id="7", outputs=outputs)
    response = result.get_response()
    return {
        "id": response["id"],
        "outputs": [output["name"] for output in response["outputs"]],
        "in_json": ["data" in output for output in response["outputs"]],
        "answer": text_of(result),
        "num_tokens": int(result.as_numpy("completion_tokens")[0]),
    }


def text_of(result: Any) -> str:
    """Return the answer; Triton's client leaves bytes as bytes and JSON as str."""
    (text,) = result.as_numpy("text_output").tolist()
    return text.decode() if isinstance(text, bytes) else str(text)


def infer_at_once(client: Any) -> list[str]:
    """Return the answers to sums asked for all at once, each by a greenlet of its own."""
    running = [
        client.async_infer("r1", [text_input(f"{n}+{n}=", binary=True)], parameters=GREEDY)
        for n in range(100, 116)
    ]
    return [text_of(request.get_result(timeout=60)) for request in running]


def refusal(client: Any, **keywords: Any) -> list[str]:
    try:
        client.infer("r1", [text_input(QUESTION, binary=False)], **keywords)
    except InferenceServerException as error:
        return [error.status(), error.message()]
    raise AssertionError("it was not refused")


def main() -> None:
    client = triton.InferenceServerClient(sys.argv[1], concurrency=16)
    everything = client.infer("r1", [text_input(QUESTION, binary=True)], parameters=GREEDY)
    answers = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready("r1", "1"),
        "other_ready": client.is_model_ready("r1", "2"),
        "server": client.get_server_metadata(),
        "model": client.get_model_metadata("r1", "1"),
        "index": client.get_model_repository_index(),
        "infer": {
            ",".join(forms): infer(client, *forms)
            for forms in (way.split() for way in sys.argv[2:])
        },
        "everything": [output["name"] for output in everything.get_response()["outputs"]],
        "at_once": infer_at_once(client),
        "refusal": refusal(client, parameters={"top_p": 2.0}),
        "sequence": refusal(client, sequence_id=7, sequence_start=True),
        "compressed": refusal(client, request_compression_algorithm="gzip"),
    }
    client.close()
    json.dump(answers, sys.stdout)


main()
