from types import SimpleNamespace
from typing import Any

import pytest
import torch

from predictor.engine.attention import build_attention_metadata, paged_attention
from predictor.engine.kv_cache import KVCache

CPU = torch.device("cpu")
BLOCK_SIZE = 4
NUM_HEADS, NUM_KV_HEADS, HEAD_DIM = 6, 2, 8
SCALE = 0.3

# (num_computed, num_new, block_table) of each sequence
STEPS = {
    "one decode": [(5, 1, [3, 1])],
    "first token alone": [(0, 1, [2])],
    "decodes of unlike length": [(0, 1, [4]), (12, 1, [7, 0, 5, 1]), (3, 1, [2])],
    "whole prompts": [(0, 6, [1, 3]), (0, 4, [5])],
    "later chunk": [(5, 6, [6, 2, 4])],
    "chunk within a block": [(1, 2, [3])],
    "decodes, then chunks": [(7, 1, [9, 8]), (2, 1, [0]), (4, 5, [2, 1, 7]), (0, 9, [3, 5, 4])],
    "chunk of one token last": [(0, 3, [1]), (8, 1, [5, 2, 6])],
    "table longer than the context": [(2, 1, [3, 5, 6]), (2, 2, [1, 4])],
}


def make_cache(num_blocks: int = 10) -> KVCache:
    """Return a cache whose every slot is NaN, so that a stray read shows."""
    config: Any = SimpleNamespace(num_layers=2, num_kv_heads=NUM_KV_HEADS, head_dim=HEAD_DIM)
    cache = KVCache(
        config, num_blocks=num_blocks, block_size=BLOCK_SIZE, device=CPU, dtype=torch.float32
    )
    cache.entries.fill_(torch.nan)
    return cache


def dense_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Attend causally with [length, heads, head_dim], one query and one head at a time."""
    output = torch.empty_like(q)
    for position in range(len(q)):
        for head in range(NUM_HEADS):
            kv_head = head * NUM_KV_HEADS // NUM_HEADS
            scores = k[: position + 1, kv_head] @ q[position, head] * SCALE
            output[position, head] = scores.softmax(0) @ v[: position + 1, kv_head]
    return output


@pytest.mark.parametrize("chunks", STEPS.values(), ids=STEPS)
def test_each_token_attends_to_its_own_context_and_reads_no_other_slot(
    chunks: list[tuple[int, int, list[int]]],
) -> None:
    generator = torch.Generator().manual_seed(0)
    cache = make_cache()
    q, kv, expected = [], [], []
    for num_computed, num_new, block_table in chunks:
        length = num_computed + num_new
        all_q = torch.randn(length, NUM_HEADS, HEAD_DIM, generator=generator)
        all_kv = torch.randn(length, 2 * NUM_KV_HEADS, HEAD_DIM, generator=generator)
        slots = [block_table[p // BLOCK_SIZE] * BLOCK_SIZE + p % BLOCK_SIZE for p in range(length)]
        computed = torch.tensor(slots[:num_computed], dtype=torch.int64)
        cache.write(1, computed, all_kv[:num_computed])
        q.append(all_q[num_computed:])
        kv.append(all_kv[num_computed:])
        expected.append(dense_attention(all_q, *all_kv.chunk(2, dim=1))[num_computed:])

    output = paged_attention(
        torch.cat(q),
        torch.cat(kv),
        kv_cache=cache,
        layer=1,
        metadata=build_attention_metadata(chunks, cache),
        scale=SCALE,
    )

    torch.testing.assert_close(output, torch.cat(expected), rtol=1e-5, atol=1e-6)


def test_decodes_of_unlike_length_are_grouped_by_powers_of_two_of_blocks() -> None:
    chunks = [(20, 1, [0, 1, 2, 3, 4, 5]), (5, 1, [6, 7]), (4, 3, [8, 9]), (7, 1, [10, 11])]

    metadata = build_attention_metadata(chunks, make_cache())

    assert [group.rows.tolist() for group in metadata.decodes] == [[0], [1, 5]]
    assert [tuple(group.slots.shape) for group in metadata.decodes] == [
        (1, 8 * BLOCK_SIZE),
        (2, 2 * BLOCK_SIZE),
    ]
    assert [(group.bias == 0).sum(-1).tolist() for group in metadata.decodes] == [[21], [6, 8]]
    assert [(chunk.start, chunk.length) for chunk in metadata.prefills] == [(2, 3)]


def test_a_step_without_decodes_has_no_group() -> None:
    assert build_attention_metadata([(0, 2, [0])], make_cache()).decodes == ()


def test_blocks_past_the_context_are_left_out() -> None:
    metadata = build_attention_metadata([(3, 1, [3, 5]), (2, 2, [1, 4, 6])], make_cache())

    assert metadata.decodes[0].slots.tolist() == [[12, 13, 14, 15]]
    (chunk,) = metadata.prefills
    assert chunk.slots is not None
    assert chunk.slots.tolist() == [4, 5, 6, 7]


def test_a_prompt_that_is_computed_whole_reads_nothing_from_the_cache() -> None:
    metadata = build_attention_metadata([(0, 2, [1]), (1, 2, [2])], make_cache())

    assert [chunk.slots is None for chunk in metadata.prefills] == [True, False]
