"""Attention of one step's packed tokens over the paged KV cache, in plain torch.

A step packs its tokens: one for a decode, several for a chunk of a prompt.

    token    0    1    2    3    4    5    6    7
            [d0] [d1] [----- p0 -----] [-- p1 --]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import torch
from torch.nn.functional import scaled_dot_product_attention

from predictor.engine.kv_cache import KVCache


@dataclass(frozen=True, slots=True, eq=False)
class DecodeGroup:
    """Decodes of about one length, padded to one power of two of blocks.

    Padding to the longest of a step would make every decode as dear as that one, and a decode's
    shape depend on its neighbours.

    rows   int64 [num_decodes], the tokens of the step
    slots  int64 [num_decodes, max_context_len], where each context is in the cache
    bias   [num_decodes, max_context_len], added to the scores: -inf past the context
    """

    rows: torch.Tensor
    slots: torch.Tensor
    bias: torch.Tensor


@dataclass(frozen=True, slots=True, eq=False)
class PrefillChunk:
    """Tokens ``start .. start + length`` of the step, the last ones of their context.

    ``slots`` is int64 [context_len], where the context is in the cache; None where the context is
    these tokens alone.
    """

    start: int
    length: int
    slots: torch.Tensor | None


@dataclass(frozen=True, slots=True, eq=False)
class AttentionMetadata:
    """Where the keys and values of a step's tokens go and which each token attends to.

    ``slot_mapping`` is int64 [num_tokens], the slot of each new token.
    """

    slot_mapping: torch.Tensor
    decodes: tuple[DecodeGroup, ...]
    prefills: tuple[PrefillChunk, ...]


def build_attention_metadata(
    chunks: Sequence[tuple[int, int, list[int]]], kv_cache: KVCache
) -> AttentionMetadata:
    """Lay out (num_computed, num_new, block_table) of each sequence, in the order of the tokens.

    A chunk of one token counts as a decode: a first token needs nothing else.
    """
    block_size, device = kv_cache.block_size, kv_cache.device
    new_slots: list[int] = []
    groups: dict[int, list[tuple[int, int, list[int]]]] = {}
    prefills: list[PrefillChunk] = []
    for num_computed, num_new, block_table in chunks:
        context_len = num_computed + num_new
        blocks = block_table[: -(-context_len // block_size)]
        assert num_new > 0
        assert len(blocks) * block_size >= context_len
        start = len(new_slots)
        new_slots += [
            blocks[position // block_size] * block_size + position % block_size
            for position in range(num_computed, context_len)
        ]
        if num_new == 1:
            width = 1 << (len(blocks) - 1).bit_length()
            groups.setdefault(width, []).append((start, context_len, blocks))
        else:
            slots = _slots([blocks], block_size, device)[0, :context_len] if num_computed else None
            prefills.append(PrefillChunk(start, num_new, slots))
    return AttentionMetadata(
        slot_mapping=torch.tensor(new_slots, dtype=torch.int64, device=device),
        decodes=tuple(_build_group(group, width, kv_cache) for width, group in groups.items()),
        prefills=tuple(prefills),
    )


def _build_group(
    group: list[tuple[int, int, list[int]]], width: int, kv_cache: KVCache
) -> DecodeGroup:
    device = kv_cache.device
    rows, context_lens, tables = zip(*group, strict=True)
    padded = [t + t[:1] * (width - len(t)) for t in tables]
    slots = _slots(padded, kv_cache.block_size, device)
    positions = torch.arange(width * kv_cache.block_size, device=device)
    is_past = positions >= torch.tensor(context_lens, device=device)[:, None]
    # Past its context a sequence reads its own first slot again, since a zero weight does not
    # silence a NaN in a slot that was never written.
    slots = torch.where(is_past, slots[:, :1], slots)
    bias = torch.zeros(is_past.shape, device=device, dtype=kv_cache.dtype)
    return DecodeGroup(torch.tensor(rows, device=device), slots, bias.masked_fill_(is_past, -inf))


def _slots(tables: list[list[int]], block_size: int, device: torch.device) -> torch.Tensor:
    """Return int64 [num_tables, num_blocks * block_size]."""
    blocks = torch.tensor(tables, dtype=torch.int64, device=device)
    offsets = torch.arange(block_size, device=device)
    return (blocks[:, :, None] * block_size + offsets).flatten(1)


def paged_attention(
    q: torch.Tensor,
    kv: torch.Tensor,
    *,
    kv_cache: KVCache,
    layer: int,
    metadata: AttentionMetadata,
    scale: float,
) -> torch.Tensor:
    """Write keys and values to the cache and return each token's attention over its own context.

    q and the result are [num_tokens, num_heads, head_dim], kv [num_tokens, 2 * num_kv_heads,
    head_dim], the keys first. Only slots of a sequence's context are read. Tokens beyond those of
    ``metadata`` are padding: they are not written, and attend to nothing.
    """
    kv_cache.write(layer, metadata.slot_mapping, kv[: len(metadata.slot_mapping)])
    output = torch.zeros_like(q)
    for group in metadata.decodes:
        keys, values = kv_cache.read(layer, group.slots)
        attended = _decode(q.index_select(0, group.rows), keys, values, group.bias, scale)
        output.index_copy_(0, group.rows, attended)
    for chunk in metadata.prefills:
        tokens = slice(chunk.start, chunk.start + chunk.length)
        if chunk.slots is None:
            keys, values = kv[tokens].chunk(2, dim=1)
        else:
            keys, values = kv_cache.read(layer, chunk.slots)
        output[tokens] = _prefill(q[tokens], keys, values, scale)
    return output


def _decode(
    q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, bias: torch.Tensor, scale: float
) -> torch.Tensor:
    """Attend with one query a sequence over [num_decodes, context_len, num_kv_heads, head_dim]."""
    num_decodes, _, num_kv_heads, head_dim = keys.shape
    # The query heads of one KV head take the place of query positions, so that nothing repeats.
    grouped = q.view(num_decodes, num_kv_heads, -1, head_dim)
    attended = scaled_dot_product_attention(
        grouped,  # [num_decodes, num_kv_heads, group_size, head_dim]
        keys.transpose(1, 2),  # [num_decodes, num_kv_heads, context_len, head_dim]
        values.transpose(1, 2),
        attn_mask=bias[:, None, None, :],
        scale=scale,
    )
    return attended.reshape(q.shape)  # [num_decodes, num_heads, head_dim]


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
