"""The OpenAI API where things go wrong: failures, a full server, clients that leave."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

HELLO: dict[str, Any] = {"model": "r1", "messages": [{"role": "user", "content": "hello"}]}


def connect(predictor: Any) -> openai.OpenAI:
    url = f"{predictor.url}/openai/v1"
    return openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=60)


def test_a_stream_that_fails_ends_with_an_error_and_no_done(start: Callable[..., Any]) -> None:
    slow = start("--model-dir=demo", "--request-timeout-s=1", R1_FAULTS='{"step_delay_s": 0.02}')
    asked = {**HELLO, "max_tokens": 1000, "n": 2, "extra_body": {"ignore_eos": True}}
    chunks: list[Any] = []
    with (
        connect(slow) as client,
        client.chat.completions.create(**asked, stream=True) as stream,
        pytest.raises(openai.APIError, match="took longer than 1 s") as caught,
    ):
        chunks.extend(stream)
    assert len(chunks) > 5
    assert caught.value.type == "server_error"
    with (
        connect(slow) as client,
        pytest.raises(openai.InternalServerError, match="took longer than 1 s") as refused,
    ):
        client.chat.completions.create(**asked)
    assert refused.value.status_code == 504

    body = {**HELLO, "max_tokens": 1000, "ignore_eos": True, "stream": True}
    raw = httpx.post(f"{slow.url}/openai/v1/chat/completions", json=body, timeout=60)
    assert raw.text.split("\n\n")[-2].startswith('data: {"error":{"message":"the generation took')


def test_a_full_server_says_so_and_when_to_try_again(start: Callable[..., Any]) -> None:
    tiny = start(
        *("--model-dir=demo", "--max-num-seqs=1", "--max-num-batched-tokens=64"),
        "--max-waiting=0",
    )
    endless = {**HELLO, "max_tokens": 3000, "extra_body": {"ignore_eos": True}}
    with connect(tiny) as client, client.chat.completions.create(**endless, stream=True) as stream:
        next(iter(stream))
        with pytest.raises(openai.InternalServerError, match="full") as caught:
            client.chat.completions.create(**HELLO)
    assert caught.value.status_code == 503
    assert caught.value.response.headers["retry-after"] == "1"
    assert caught.value.type == "server_error"


@pytest.mark.nightly
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
