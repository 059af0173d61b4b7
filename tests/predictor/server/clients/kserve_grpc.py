"""Ask a predictor by kserve's InferenceGRPCClient, and print what it said as JSON."""

import asyncio
import json
import sys
from typing import Any

import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest

QUESTION = "what is 128 + 367?"


def request(*, raw: bool) -> InferRequest:
    tensor = InferInput("text_input", [1], "BYTES", [QUESTION.encode()])
    budget = InferInput("max_thinking_tokens", [1], "INT32", [4])
    if raw:
        tensor.set_data_from_numpy(np.array([QUESTION.encode()], dtype=np.object_))
        budget.set_data_from_numpy(np.array([4], dtype=np.int32))
    return InferRequest("r1", [tensor, budget], request_id="7", parameters={"seed": 7})


async def ask(address: str, *, raw: bool) -> dict[str, Any]:
    async with InferenceGRPCClient(address) as client:
        response = await client.infer(request(raw=raw))
        outputs = {output.name: output.as_numpy()[0] for output in response.outputs}
        return {
            "live": await client.is_server_live(),
            "ready": await client.is_server_ready(),
            "model_ready": await client.is_model_ready("r1"),
            "id": response.id,
            "finish_reason": outputs["finish_reason"].decode(),
            "reasoning_tokens": int(outputs["reasoning_tokens"]),
        }


json.dump(asyncio.run(ask(sys.argv[1], raw=sys.argv[2] == "raw")), sys.stdout)
