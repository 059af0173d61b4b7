"""The client's numbers beside the server's own, from what was captured of its metrics."""

from collections.abc import Mapping, Sequence
from typing import Final

from loadtest.config import Protocol
from loadtest.report.schema import Capture, Counts, CrossCheck, Distribution, Tokens

# The predictor's names for where requests come in.
_ROUTES: Final[Mapping[Protocol, str]] = {
    Protocol.V2_INFER: "infer",
    Protocol.V2_GENERATE: "generate",
    Protocol.V2_STREAM: "generate_stream",
    Protocol.GRPC_INFER: "ModelInfer",
    Protocol.GRPC_STREAM: "ModelStreamInfer",
    Protocol.OPENAI_CHAT: "chat_completions",
    Protocol.OPENAI_CHAT_STREAM: "chat_completions",
    Protocol.OPENAI_COMPLETIONS: "completions",
    Protocol.OPENAI_COMPLETIONS_STREAM: "completions",
}
_TTFT: Final = "gen_ai_server_time_to_first_token_seconds"


def cross_checks(
    captures: Sequence[Capture],
    protocol: Protocol,
    counts: Counts,
    tokens: Tokens,
    distributions: Mapping[str, Distribution],
) -> list[CrossCheck]:
    """Return a check for each pair of which the server's half was captured."""
    server = {
        "requests": _increase(captures, "r1_requests_total", {"route": _ROUTES[protocol]}),
        "prompt_tokens": _increase(captures, "r1_prompt_tokens_sum", {}),
        "completion_tokens": _increase(captures, "r1_completion_tokens_sum", {}),
        "ttft_mean": _mean_increase(captures, _TTFT),
    }
    ttft = distributions.get("ttft_sent")
    client: dict[str, float | None] = {
        "requests": counts.sent,
        "prompt_tokens": tokens.prompt,
        "completion_tokens": tokens.completion,
        "ttft_mean": None if ttft is None else ttft.mean.value,
    }
    checks = []
    for name, note in _NOTES.items():
        ours, theirs = client[name], server[name]
        if ours is None or theirs is None:
            continue
        checks.append(
            CrossCheck(name=name, client=ours, server=theirs, difference=ours - theirs, note=note)
        )
    return checks


_NOTES: Final = {
    "requests": "Sent here; ended there (r1_requests_total), whoever sent them.",
    "prompt_tokens": "By the usage of the answers; by r1_prompt_tokens.",
    "completion_tokens": "By the usage of the answers; by r1_completion_tokens.",
    "ttft_mean": "In s: from the send, over the measured window; from a decoded request, over the "
    "whole run.",
}


def _mean_increase(captures: Sequence[Capture], name: str) -> float | None:
    total = _increase(captures, f"{name}_sum", {})
    count = _increase(captures, f"{name}_count", {})
    return total / count if total is not None and count else None


def _increase(captures: Sequence[Capture], name: str, labels: Mapping[str, str]) -> float | None:
    """Return the increases of a counter's series added up; None where none was captured."""
    found = [
        series.increase
        for capture in captures
        for series in capture.series
        if series.name == name
        and series.increase is not None
        and labels.items() <= series.labels.items()
    ]
    return sum(found) if found else None
