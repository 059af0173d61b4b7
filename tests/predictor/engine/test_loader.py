"""What the engine makes of its configuration, the model and the machine."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from predictor.config import EngineConfig
from predictor.engine.loader import load_engine
from predictor.engine.messages import Ready
from predictor.errors import SettingRefused

# make_checkpoint's model: 2 layers, 16 tokens, 2 KV heads of 16, float32, keys and values.
BLOCK_BYTES = 2 * 16 * 2 * 16 * 4 * 2
YARN = {
    "rope_type": "yarn",
    "rope_theta": 10_000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 512,
}


def load(model_dir: Path, **settings: int | None) -> Ready:
    return load_engine(EngineConfig(model_dir=model_dir, device="cpu", num_threads=1, **settings))[
        1
    ]


@pytest.fixture(scope="module")
def model_dir(make_checkpoint: Callable[..., Path]) -> Path:
    return make_checkpoint()


def test_the_context_is_the_models_where_the_cache_holds_it(model_dir: Path) -> None:
    assert load(model_dir).max_model_len == 512


def test_the_context_shrinks_to_what_the_cache_holds(model_dir: Path) -> None:
    ready = load(model_dir, kv_cache_bytes=3 * BLOCK_BYTES + 1)

    assert (ready.num_blocks, ready.max_model_len) == (3, 48)


def test_the_cache_is_no_larger_than_can_be_used(model_dir: Path) -> None:
    ready = load(model_dir, max_num_seqs=2, max_model_len=33)

    assert (ready.num_blocks, ready.max_model_len) == (6, 33)


def test_yarn_stretches_the_context_though_the_file_states_the_original(
    make_checkpoint: Callable[..., Path],
) -> None:
    assert load(make_checkpoint(rope_parameters=YARN)).max_model_len == 2048


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"max_model_len": 513}, "max_model_len is 513, must be at most 512", id="len"),
        pytest.param(
            {"max_model_len": 100, "kv_cache_bytes": 2 * BLOCK_BYTES},
            "must be at most 32: .* the KV cache holds 32 tokens",
            id="cache",
        ),
        pytest.param(
            {"kv_cache_bytes": BLOCK_BYTES - 1},
            f"kv_cache_bytes is {BLOCK_BYTES - 1}, must be at least {BLOCK_BYTES}",
            id="no-block",
        ),
        pytest.param(
            {
                "kv_cache_bytes": 10**15,
                "max_num_seqs": 10**8,
                "max_num_batched_tokens": 10**8,
            },
            f"kv_cache_bytes is {10**15}, but cpu cannot hold",
            id="too-large",
        ),
    ],
)
def test_a_setting_that_cannot_be_followed_is_refused(
    model_dir: Path, settings: dict[str, int], words: str
) -> None:
    with pytest.raises(SettingRefused, match=words):
        load(model_dir, **settings)


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch finds a CUDA device")
def test_a_device_that_is_not_there_is_refused(model_dir: Path) -> None:
    with pytest.raises(SettingRefused, match="device is cuda, but torch finds no CUDA device"):
        load_engine(EngineConfig(model_dir=model_dir, device="cuda"))
