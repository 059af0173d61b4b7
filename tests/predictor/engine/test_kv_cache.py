from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from predictor.engine.kv_cache import KVCache
from predictor.engine.model_config import load_model_config

CPU = torch.device("cpu")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_block_takes_the_bytes_it_says(
    make_checkpoint: Callable[..., Path], dtype: torch.dtype
) -> None:
    config = load_model_config(make_checkpoint())

    cache = KVCache(config, num_blocks=3, block_size=8, device=CPU, dtype=dtype)

    block_bytes = KVCache.bytes_per_block(config, block_size=8, dtype=dtype)
    assert cache.entries.nbytes == 3 * block_bytes


def test_a_write_changes_its_layer_and_slots_only(make_checkpoint: Callable[..., Path]) -> None:
    config = load_model_config(make_checkpoint())
    cache = KVCache(config, num_blocks=2, block_size=4, device=CPU, dtype=torch.float32)
    cache.entries.zero_()

    written = torch.ones(2, 2 * config.num_kv_heads, config.head_dim)
    cache.write(1, torch.tensor([6, 3]), written)

    assert cache.entries.sum(dim=(2, 3)).nonzero().tolist() == [[1, 3], [1, 6]]
    assert torch.equal(cache.entries[1, [6, 3]], written)


def test_what_was_written_is_read_in_any_shape(make_checkpoint: Callable[..., Path]) -> None:
    config = load_model_config(make_checkpoint())
    cache = KVCache(config, num_blocks=2, block_size=4, device=CPU, dtype=torch.float32)
    written = torch.randn(8, 2 * config.num_kv_heads, config.head_dim)
    cache.write(1, torch.arange(8), written)

    slots = torch.tensor([[5, 0, 2], [7, 7, 1]])

    keys, values = cache.read(1, slots)

    assert torch.equal(torch.cat([keys, values], dim=2), written[slots])
