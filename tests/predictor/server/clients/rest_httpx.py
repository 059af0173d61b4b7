"""Stream sums from a predictor by httpx, all at once, and print the answers as JSON."""

import asyncio
import json
import sys
from typing import Any

import httpx

NUM_STREAMS = 16


async def stream(client: httpx.AsyncClient, number: int) -> dict[str, Any]:
    body = {"text_input": f"{number}+{number}=", "parameters": {"temperature": 0}}
    texts, last = [], {}
    async with client.stream("POST", "/generate_stream", json=body) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if line:
                last = json.loads(line.removeprefix("data: "))
                texts.append(last["text_output"])
    return {
        "question": number,
        "answer": "".join(texts),
        "num_events": len(texts),
        "finish_reason": last["details"]["finish_reason"],
    }


async def main(url: str) -> None:
    async with httpx.AsyncClient(base_url=f"{url}/v2/models/r1", timeout=60) as client:
        streams = [stream(client, number) for number in range(100, 100 + NUM_STREAMS)]
        json.dump({"streams": await asyncio.gather(*streams)}, sys.stdout)


asyncio.run(main(sys.argv[1]))
