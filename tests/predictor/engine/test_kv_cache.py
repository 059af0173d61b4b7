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
    assert cache.keys.nbytes + cache.values.nbytes == 3 * block_bytes


def test_a_write_changes_its_layer_and_slots_only(make_checkpoint: Callable[..., Path]) -> None:
    config = load_model_config(make_checkpoint())
    cache = KVCache(config, num_blocks=2, block_size=4, device=CPU, dtype=torch.float32)
    cache.keys.zero_()
    cache.values.zero_()

    ones = torch.ones(2, config.num_kv_heads, config.head_dim)
    cache.write(1, torch.tensor([6, 3]), ones, 2 * ones)

    assert cache.keys.sum(dim=(2, 3)).nonzero().tolist() == [[1, 3], [1, 6]]
    assert torch.equal(cache.keys[1, [6, 3]], ones)
    assert torch.equal(cache.values, 2 * cache.keys)
