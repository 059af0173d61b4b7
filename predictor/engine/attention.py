"""Attention of one step's packed tokens over the paged KV cache, in plain torch.

A step packs its tokens: the decodes, one token a sequence, then the prefill chunks.

    token    0    1    2    3    4    5    6    7
            [d0] [d1] [----- p0 -----] [-- p1 --]
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import scaled_dot_product_attention

from predictor.engine.kv_cache import KVCache


@dataclass(frozen=True, slots=True, eq=False)
class PrefillChunk:
    """Tokens ``start .. start + length`` of the step, the last of ``context_len`` of a sequence.

    ``block_table`` is int64 [num_blocks], just enough blocks for the context.
    """

    start: int
    length: int
    context_len: int
    block_table: torch.Tensor


@dataclass(frozen=True, slots=True, eq=False)
class AttentionMetadata:
    """Where the keys and values of a step's tokens go and which each token attends to.

    slot_mapping         int64 [num_tokens], the slot of each new token
    decode_block_tables  int64 [num_decodes, max_num_blocks], padded with block 0
    decode_context_lens  int64 [num_decodes], the new token included
    """

    slot_mapping: torch.Tensor
    num_decodes: int
    decode_block_tables: torch.Tensor
    decode_context_lens: torch.Tensor
    prefills: tuple[PrefillChunk, ...]


def build_attention_metadata(
    chunks: Sequence[tuple[int, int, list[int]]], block_size: int, device: torch.device
) -> AttentionMetadata:
    """Lay out (num_computed, num_new, block_table) of each sequence, in the order of the tokens.

    The leading chunks of one token count as decodes: a first token needs nothing else.
    """
    slots: list[int] = []
    decodes: list[tuple[int, list[int]]] = []
    prefills: list[PrefillChunk] = []
    for num_computed, num_new, block_table in chunks:
        context_len = num_computed + num_new
        blocks = block_table[: -(-context_len // block_size)]
        assert num_new > 0
        assert len(blocks) * block_size >= context_len
        if num_new == 1 and not prefills:
            decodes.append((context_len, blocks))
        else:
            table = torch.tensor(blocks, dtype=torch.int64, device=device)
            prefills.append(PrefillChunk(len(slots), num_new, context_len, table))
        slots += [
            blocks[position // block_size] * block_size + position % block_size
            for position in range(num_computed, context_len)
        ]
    width = max((len(blocks) for _, blocks in decodes), default=0)
    tables = [blocks + [0] * (width - len(blocks)) for _, blocks in decodes]
    return AttentionMetadata(
        slot_mapping=torch.tensor(slots, dtype=torch.int64, device=device),
        num_decodes=len(decodes),
        decode_block_tables=torch.tensor(tables, dtype=torch.int64, device=device).view(
            len(decodes), width
        ),
        decode_context_lens=torch.tensor(
            [context_len for context_len, _ in decodes], dtype=torch.int64, device=device
        ),
        prefills=tuple(prefills),
    )


def paged_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    *,
    kv_cache: KVCache,
    layer: int,
    metadata: AttentionMetadata,
    scale: float,
) -> torch.Tensor:
    """Write k and v to the cache and return each token's attention over its own context.

    q and the result are [num_tokens, num_heads, head_dim], k and v [num_tokens, num_kv_heads,
    head_dim]. Only slots of a sequence's context are read.
    """
    kv_cache.write(layer, metadata.slot_mapping, k, v)
    keys, values = kv_cache.keys[layer], kv_cache.values[layer]
    output = torch.empty_like(q)
    if metadata.num_decodes:
        slots, mask = _decode_slots(metadata, kv_cache.block_size)
        decodes = slice(0, metadata.num_decodes)
        output[decodes] = _decode(q[decodes], keys[slots], values[slots], mask, scale)
    for chunk in metadata.prefills:
        slots = _context_slots(chunk, kv_cache.block_size)
        tokens = slice(chunk.start, chunk.start + chunk.length)
        output[tokens] = _prefill(q[tokens], keys[slots], values[slots], scale)
    return output


def _decode_slots(
    metadata: AttentionMetadata, block_size: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return slots and mask, both [num_decodes, max_context_len].

    Past its context a sequence reads its own first slot again, since a zero weight does not
    silence a NaN in a slot that was never written.
    """
    max_context_len = metadata.decode_block_tables.shape[1] * block_size
    positions = torch.arange(max_context_len, device=metadata.slot_mapping.device)
    blocks = metadata.decode_block_tables[:, positions // block_size]
    slots = blocks * block_size + positions % block_size
    mask = positions < metadata.decode_context_lens[:, None]
    return torch.where(mask, slots, slots[:, :1]), mask


def _decode(
    q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor, scale: float
) -> torch.Tensor:
    """Attend with one query a sequence over [num_decodes, context_len, num_kv_heads, head_dim]."""
    num_decodes, _, num_kv_heads, head_dim = keys.shape
    # The query heads of one KV head take the place of query positions, so that nothing repeats.
    grouped = q.view(num_decodes, num_kv_heads, -1, head_dim)
    attended = scaled_dot_product_attention(
        grouped,  # [num_decodes, num_kv_heads, group_size, head_dim]
        keys.transpose(1, 2),  # [num_decodes, num_kv_heads, context_len, head_dim]
        values.transpose(1, 2),
        attn_mask=mask[:, None, None, :],
        scale=scale,
    )
    return attended.reshape(q.shape)  # [num_decodes, num_heads, head_dim]


def _context_slots(chunk: PrefillChunk, block_size: int) -> torch.Tensor:
    offsets = torch.arange(block_size, device=chunk.block_table.device)
    slots = chunk.block_table[:, None] * block_size + offsets  # [num_blocks, block_size]
    return slots.flatten()[: chunk.context_len]


def _prefill(
    q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scale: float
) -> torch.Tensor:
    """Attend with the last ``length`` queries over [context_len, num_kv_heads, head_dim]."""
    length, context_len = len(q), len(keys)
    mask = None
    if length != context_len:
        mask = torch.ones(length, context_len, dtype=torch.bool, device=q.device)
        mask = mask.tril(context_len - length)
    attended = scaled_dot_product_attention(
        q.transpose(0, 1)[None],  # [1, num_heads, length, head_dim]
        keys.transpose(0, 1)[None],  # [1, num_kv_heads, context_len, head_dim]
        values.transpose(0, 1)[None],
        attn_mask=mask,
        is_causal=mask is None,
        scale=scale,
        enable_gqa=True,
    )
    return attended[0].transpose(0, 1)  # [length, num_heads, head_dim]
