"""What is compared: each case is one server and the clients that do the same work against it."""

from dataclasses import dataclass
from typing import Final

from tests.loadtest.capacity.clients import CHUNKS, Client, guidellm, locust, ours, vllm


@dataclass(frozen=True, slots=True)
class Case:
    """Every client of a case does the same work against one server."""

    name: str
    server_flags: tuple[str, ...]
    events_per_request: int
    clients: tuple[Client, ...]
    # Requests kept under way.
    concurrency: int = 16


CASES: Final = (
    Case(
        "unary V2 infer",
        ("--chunks", str(CHUNKS)),
        1,
        (ours("v2-infer"), locust()),
    ),
    Case(
        "unary OpenAI chat",
        ("--chunks", str(CHUNKS)),
        1,
        (
            ours("openai-chat"),
            guidellm(is_stream=False),
            vllm(is_stream=False, num_requests=14_000),
        ),
    ),
    Case(
        "events of OpenAI streams, each written at once",
        ("--chunks", str(CHUNKS)),
        CHUNKS,
        (
            ours("openai-chat-stream"),
            guidellm(is_stream=True),
            vllm(is_stream=True, num_requests=8_000),
        ),
    ),
    Case(
        "events of OpenAI streams, 0.1 ms apart",
        ("--chunks", str(CHUNKS), "--gap", "100us"),
        CHUNKS,
        (
            ours("openai-chat-stream"),
            guidellm(is_stream=True),
            vllm(is_stream=True, num_requests=5_000),
        ),
    ),
    Case(
        "events of OpenAI streams, 2 ms apart",
        ("--chunks", str(CHUNKS), "--gap", "2ms"),
        CHUNKS,
        (
            ours("openai-chat-stream"),
            guidellm(is_stream=True),
            vllm(is_stream=True, num_requests=1_200),
        ),
    ),
    Case(
        "events of 256 OpenAI streams, 2 ms apart",
        ("--chunks", str(CHUNKS), "--gap", "2ms"),
        CHUNKS,
        (
            ours("openai-chat-stream"),
            guidellm(is_stream=True),
            vllm(is_stream=True, num_requests=12_000),
        ),
        concurrency=256,
    ),
    Case(
        "events of V2 streams, each written at once",
        ("--chunks", str(CHUNKS)),
        CHUNKS,
        (ours("v2-stream"),),
    ),
)
