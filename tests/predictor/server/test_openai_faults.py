"""Clients of the OpenAI API that leave."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

HELLO: dict[str, Any] = {"model": "r1", "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.nightly
@pytest.mark.timing
def test_a_client_that_leaves_frees_all_its_choices(start: Callable[..., Any]) -> None:
    # Two sequences at a time: one that went on without its client would hold up the next two.
    pair = start("--model-dir=demo", "--max-num-seqs=2", "--max-num-batched-tokens=64")
    url = f"{pair.url}/openai/v1/chat/completions"
    endless = {**HELLO, "n": 2, "ignore_eos": True, "max_tokens": 400}

    def time_of(**members: Any) -> float:
        started = time.monotonic()
        httpx.post(url, json={**endless, **members}, timeout=60).raise_for_status()
        return time.monotonic() - started

    whole_s = time_of()
    with httpx.stream("POST", url, json={**endless, "stream": True}, timeout=60) as response:
        next(response.iter_lines())
    after_stream_s = time_of(max_tokens=2)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, json=endless, timeout=0.2)
    after_whole_s = time_of(max_tokens=2)

    assert max(after_stream_s, after_whole_s) < whole_s / 2
