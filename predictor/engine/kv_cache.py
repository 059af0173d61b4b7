"""The paged KV cache: slot ``block * block_size + offset`` holds one token of every layer."""

import torch

from predictor.engine.model_config import ModelConfig


class KVCache:
    """Keys and values of ``num_blocks`` blocks; a slot holds garbage until it is written.

    ``entries`` is [num_layers, num_blocks * block_size, 2 * num_kv_heads, head_dim]: in each slot
    the keys' heads, then the values'.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        num_blocks: int,
        block_size: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        num_slots, num_heads = num_blocks * block_size, 2 * config.num_kv_heads
        self.block_size = block_size
        self.entries = torch.empty(
            (config.num_layers, num_slots, num_heads, config.head_dim), device=device, dtype=dtype
        )

    @staticmethod
    def bytes_per_block(config: ModelConfig, *, block_size: int, dtype: torch.dtype) -> int:
        """Return the memory of one block, keys and values of all layers."""
        token_bytes = config.num_kv_heads * config.head_dim * dtype.itemsize
        return 2 * config.num_layers * block_size * token_bytes

    @property
    def device(self) -> torch.device:
        return self.entries.device

    @property
    def dtype(self) -> torch.dtype:
        return self.entries.dtype

    def write(self, layer: int, slot_mapping: torch.Tensor, kv: torch.Tensor) -> None:
        """Store keys and values [num_tokens, 2 * num_kv_heads, head_dim] in int64 slots."""
        self.entries[layer].index_copy_(0, slot_mapping, kv)

    def read(self, layer: int, slots: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return keys and values, each [*slots.shape, num_kv_heads, head_dim]."""
        # Copies whole slots: on CPU three to eight times as fast as an index of two dimensions.
        taken = self.entries[layer].index_select(0, slots.flatten())
        keys, values = taken.view(*slots.shape, *taken.shape[1:]).chunk(2, dim=-2)
        return keys, values
