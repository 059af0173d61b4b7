"""A batch of chunks -> one sample for each chunk that reaches its sequence's end."""

import itertools

import torch

from predictor.engine.attention import build_attention_metadata
from predictor.engine.causal_lm import CausalLM
from predictor.engine.kv_cache import KVCache
from predictor.engine.sampler import sample
from predictor.engine.scheduler import Batch, Chunk
from predictor.engine.sequence import Sample


class ModelRunner:
    """Owns the model and its KV cache, and is the only one to touch the device."""

    def __init__(self, model: CausalLM, kv_cache: KVCache) -> None:
        self._model = model
        self._kv_cache = kv_cache

    @torch.inference_mode()
    def run(self, batch: Batch) -> list[Sample]:
        """Write the batch's keys and values to the cache and sample where a sequence ends."""
        chunks = batch.chunks
        device = self._kv_cache.keys.device
        metadata = build_attention_metadata(
            [
                (chunk.sequence.num_computed_tokens, chunk.num_tokens, chunk.sequence.block_table)
                for chunk in chunks
            ],
            self._kv_cache.block_size,
            device,
        )
        input_ids = [i for chunk in chunks for i in _token_ids(chunk)]
        positions = [p for chunk in chunks for p in _positions(chunk)]
        # [num_rows, hidden_size]
        hidden = self._model.forward(
            self._rows(input_ids), self._rows(positions), metadata, self._kv_cache
        )
        num_computed = itertools.accumulate(chunk.num_tokens for chunk in chunks)
        ends = [
            end - 1 for end, chunk in zip(num_computed, chunks, strict=True) if chunk.reaches_end
        ]
        if not ends:
            return []
        # [num_ends, vocab_size]
        logits = self._model.logits(hidden[self._rows(ends)])[: len(ends)]
        return sample(logits, [chunk.sequence for chunk in chunks if chunk.reaches_end])

    def _rows(self, values: list[int]) -> torch.Tensor:
        """Return int64 [num_rows], at least as many as the model needs; 0 is an id and a row."""
        padding = [0] * (self._model.min_rows - len(values))
        return torch.tensor(values + padding, device=self._kv_cache.keys.device)


def _token_ids(chunk: Chunk) -> list[int]:
    positions = _positions(chunk)
    return chunk.sequence.token_ids[positions.start : positions.stop]


def _positions(chunk: Chunk) -> range:
    start = chunk.sequence.num_computed_tokens
    return range(start, start + chunk.num_tokens)
