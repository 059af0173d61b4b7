"""The paged KV cache: slot ``block * block_size + offset`` holds one token of every layer."""

import torch

from predictor.engine.model_config import ModelConfig


class KVCache:
    """Keys and values of ``num_blocks`` blocks; a slot holds garbage until it is written.

    ``keys`` and ``values`` are [num_layers, num_blocks * block_size, num_kv_heads, head_dim].
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
        shape = (config.num_layers, num_blocks * block_size, config.num_kv_heads, config.head_dim)
        self.block_size = block_size
        self.keys = torch.empty(shape, device=device, dtype=dtype)
        self.values = torch.empty(shape, device=device, dtype=dtype)

    @staticmethod
    def bytes_per_block(config: ModelConfig, *, block_size: int, dtype: torch.dtype) -> int:
        """Return the memory of one block, keys and values of all layers."""
        token_bytes = config.num_kv_heads * config.head_dim * dtype.itemsize
        return 2 * config.num_layers * block_size * token_bytes

    def write(
        self, layer: int, slot_mapping: torch.Tensor, k: torch.Tensor, v: torch.Tensor
    ) -> None:
        """Store k and v [num_tokens, num_kv_heads, head_dim] in int64 slots [num_tokens]."""
        self.keys[layer].index_copy_(0, slot_mapping, k)
        self.values[layer].index_copy_(0, slot_mapping, v)
