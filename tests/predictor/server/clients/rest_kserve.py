"""Ask a predictor by kserve's InferenceRESTClient, and print what it said as JSON."""

import asyncio
import json
import sys
from typing import Any

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig

QUESTION = "what is 128 + 367?"


def request(*, binary: bool, **parameters: object) -> InferRequest:
    text = InferInput("text_input", [1], "BYTES")
    text.set_data_from_numpy(np.array([QUESTION], dtype=np.object_), binary_data=binary)
    temperature = InferInput("temperature", [1], "FP32")
    temperature.set_data_from_numpy(np.array([0], dtype=np.float32), binary_data=binary)
    return InferRequest("r1", [text, temperature], request_id="7", parameters=parameters)


async def infer(client: Any, url: str, *, binary: bool) -> dict[str, Any]:
    asked = request(binary=binary, binary_data_output=binary)
    response = await client.infer(url, asked, model_name="r1")
    outputs = {output.name: output.as_numpy().tolist() for output in response.outputs}
    return {
        "id": response.id,
        "model": [response.model_name, response.model_version],
        "answer": outputs["text_output"],
        "num_tokens": outputs["completion_tokens"],
    }


async def refusal(client: Any, url: str) -> list[Any]:
    try:
        await client.infer(url, request(binary=False, top_p=2.0), model_name="r1")
    except httpx.HTTPStatusError as error:
        return [error.response.status_code, str(error)]
    raise AssertionError("it was not refused")


async def ask(url: str) -> dict[str, Any]:
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        return {
            "live": await client.is_server_live(url),
            "ready": await client.is_server_ready(url),
            "model_ready": await client.is_model_ready(url, "r1"),
            "other_ready": await client.is_model_ready(url, "r2"),
            "json": await infer(client, url, binary=False),
            "binary": await infer(client, url, binary=True),
            "refusal": await refusal(client, url),
        }


json.dump(asyncio.run(ask(sys.argv[1])), sys.stdout)
