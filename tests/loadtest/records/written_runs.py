"""Runs as workers write them, for tests of what is made of them."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from loadtest.exchange import Exchange
from loadtest.prompts.prompt import Message, Prompt
from loadtest.record import Correctness, FinishReason, Outcome
from loadtest.records.store import Writer
from loadtest.records.stored import Stored
from loadtest.wire.part import Usage

EPOCH = 5_000_000_000_000


def exchange(index: int, gaps: tuple[int, ...] = ()) -> Exchange:
    """A stream that was answered whole, every field of its own value."""
    prompt = Prompt((Message("user", "?"),), turn=3, asked_prompt_tokens=41, asked_output_tokens=42)
    done = Exchange(index, prompt, b"body!", None, EPOCH + 100, lambda _: None)  # type: ignore[arg-type]
    done.outcome, done.status = Outcome.OK, 200
    done.started, done.sent, done.first_byte = EPOCH + 101, EPOCH + 102, EPOCH + 103
    done.first_chunk, done.last_chunk = EPOCH + 104, EPOCH + 104 + sum(gaps)
    done.finished, done.connect, done.is_reused = EPOCH + 999, 77, False
    done.gaps, done.num_chunks, done.num_coalesced = list(gaps), len(gaps) + 1, 1
    done.response_bytes, done.finish_reason = 6_000_000_000, FinishReason.LENGTH
    done.usage = Usage(51, 52, 53)
    return done


def write(directory: Path, worker: int, *exchanges: Exchange) -> None:
    with Writer(directory, worker, EPOCH) as writer:
        for each in exchanges:
            writer.add(each, Correctness.RIGHT, 61, 62)


def read(directory: Path) -> tuple[list[int], list[list[int]]]:
    """The indices and each one's gaps."""
    indices: list[int] = []
    gaps: list[list[int]] = []
    for rows, some in Stored(directory).chunks():
        indices += rows["index"].tolist()
        ends = np.cumsum(np.maximum(rows["num_chunks"] - 1, 0))
        gaps += [part.tolist() for part in np.split(some, ends[:-1])]
    return indices, gaps


@contextmanager
def files_limited_to(num_bytes: int) -> Iterator[None]:
    """The kernel refuses to write further, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
