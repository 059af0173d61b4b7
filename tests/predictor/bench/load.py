"""What is asked of a contender, and what it did: plain values that travel as JSON."""

from dataclasses import dataclass
from random import Random
from typing import Final

SEED: Final = 0
PROMPT_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt and how many tokens follow it, neither more nor fewer."""

    prompt_ids: list[int]
    num_tokens: int


@dataclass(frozen=True, slots=True)
class Load:
    """Requests of which ``concurrency`` are under way at any time, in their order."""

    name: str
    concurrency: int
    requests: list[Request]

    @property
    def num_tokens(self) -> int:
        return sum(request.num_tokens for request in self.requests)


@dataclass(frozen=True, slots=True)
class Answer:
    """The greedy tokens of one request, and when each came, in seconds since it was sent."""

    token_ids: list[int]
    times_s: list[float]


@dataclass(frozen=True, slots=True)
class Measured:
    """All answers of a load, in its order, and the time from the first request to the last."""

    elapsed_s: float
    answers: list[Answer]


def equal_load(concurrency: int, *, num_tokens: int, vocab_size: int) -> Load:
    """Return one request for each place, all of one length."""
    rng = Random(SEED)
    requests = [_request(rng, num_tokens, vocab_size) for _ in range(concurrency)]
    return Load(f"{concurrency} x {num_tokens}", concurrency, requests)


def uneven_load(
    concurrency: int, *, num_requests: int, shortest: int, longest: int, vocab_size: int
) -> Load:
    """Return requests whose lengths are uniform between the two, which static batches suffer."""
    rng = Random(SEED)
    requests = [
        _request(rng, rng.randint(shortest, longest), vocab_size) for _ in range(num_requests)
    ]
    return Load(f"{concurrency} x {shortest}..{longest}", concurrency, requests)


def _request(rng: Random, num_tokens: int, vocab_size: int) -> Request:
    return Request([rng.randrange(2, vocab_size) for _ in range(PROMPT_LENGTH)], num_tokens)
