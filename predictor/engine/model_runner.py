"""A batch of chunks -> the samples of each chunk that reaches its sequence's end."""

import itertools
from collections.abc import Iterator

import torch

from predictor.engine.attention import build_attention_metadata
from predictor.engine.causal_lm import CausalLM
from predictor.engine.kv_cache import KVCache
from predictor.engine.sampler import sample
from predictor.engine.scheduler import Batch, Chunk
from predictor.engine.sequence import Sample
from predictor.engine.speculation import keep_accepted


class ModelRunner:
    """Owns the model and its KV cache, and is the only one to touch the device."""

    def __init__(self, model: CausalLM, kv_cache: KVCache) -> None:
        self._model = model
        self._kv_cache = kv_cache

    @torch.inference_mode()
    def run(self, batch: Batch) -> list[list[Sample]]:
        """Write the batch's keys and values to the cache and sample where a sequence ends.

        A draft token is a decode of its own, whose context ends with it.
        """
        chunks = batch.chunks
        spans = [span for chunk in chunks for span in _spans(chunk)]
        metadata = build_attention_metadata(spans, self._kv_cache)
        input_ids = [i for chunk in chunks for i in _token_ids(chunk)]
        positions = [p for chunk in chunks for p in _positions(chunk)]
        # [num_rows, hidden_size]
        hidden = self._model.forward(
            self._rows(input_ids), self._rows(positions), metadata, self._kv_cache
        )
        ending = [chunk for chunk in chunks if chunk.reaches_end]
        if not ending:
            return []
        ends = _ends(chunks)
        # [num_ends, vocab_size]
        logits = self._model.logits(hidden[self._rows(ends)])[: len(ends)]
        sequences = [chunk.sequence for chunk in ending for _ in _nexts(chunk)]
        nexts = [position for chunk in ending for position in _nexts(chunk)]
        samples = iter(sample(logits, sequences, nexts))
        return [
            keep_accepted(chunk.draft, list(itertools.islice(samples, len(_nexts(chunk)))))
            for chunk in ending
        ]

    def _rows(self, values: list[int]) -> torch.Tensor:
        """Return int64 [num_rows], at least as many as the model needs; 0 is an id and a row."""
        padding = [0] * (self._model.min_rows - len(values))
        return torch.tensor(values + padding, device=self._kv_cache.device)


def _spans(chunk: Chunk) -> Iterator[tuple[int, int, list[int]]]:
    """Yield (num_computed, num_new, block_table) of the chunk, then of each draft token."""
    sequence = chunk.sequence
    yield sequence.num_computed_tokens, chunk.num_tokens, sequence.block_table
    for index in range(len(chunk.draft)):
        yield sequence.num_tokens + index, 1, sequence.block_table


def _token_ids(chunk: Chunk) -> list[int]:
    start = chunk.sequence.num_computed_tokens
    return [*chunk.sequence.token_ids[start : start + chunk.num_tokens], *chunk.draft]


def _positions(chunk: Chunk) -> range:
    start = chunk.sequence.num_computed_tokens
    return range(start, start + chunk.num_tokens + len(chunk.draft))


def _ends(chunks: list[Chunk]) -> list[int]:
    """Return the rows after which a token is sampled."""
    ends: list[int] = []
    num_rows = 0
    for chunk in chunks:
        last = num_rows + chunk.num_tokens - 1
        num_rows += chunk.num_tokens + len(chunk.draft)
        if chunk.reaches_end:
            ends += range(last, num_rows)
    return ends


def _nexts(chunk: Chunk) -> range:
    """Return the positions that are sampled: behind the chunk and behind each draft token."""
    start = chunk.sequence.num_tokens
    return range(start, start + len(chunk.draft) + 1)
