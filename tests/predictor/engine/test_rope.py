from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Qwen2Config
from transformers.models.qwen2.modeling_qwen2 import Qwen2RotaryEmbedding, apply_rotary_pos_emb

from predictor.engine.model_config import load_model_config
from predictor.engine.rope import build_rotary_embedding, rotate

CPU = torch.device("cpu")

YARN = {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 5e5,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 128,
}
ROPES = {
    "default": {"rope_type": "default", "rope_theta": 1e4},
    "linear": {"rope_type": "linear", "rope_theta": 1e4, "factor": 3.0},
    "llama3": LLAMA3,
    "yarn": YARN,
    "yarn, original length": YARN | {"original_max_position_embeddings": 64},
    "yarn, betas": YARN | {"beta_fast": 8.0, "beta_slow": 2.0},
    "yarn, untruncated": YARN | {"truncate": False},
    "yarn, attention factor": YARN | {"attention_factor": 1.3},
    "yarn, mscale": YARN | {"mscale": 1.0, "mscale_all_dim": 0.7},
    "yarn, mscale alone": YARN | {"mscale": 2.0},
    "yarn, factor below 1": YARN | {"factor": 0.5},
    "yarn, ramp without width": YARN | {"original_max_position_embeddings": 6},
}


@pytest.mark.parametrize("rope", ROPES.values(), ids=ROPES)
def test_frequencies_and_attention_factor_equal_those_of_transformers(
    make_checkpoint: Callable[..., Path], rope: dict[str, Any]
) -> None:
    model_dir = make_checkpoint(rope_parameters=rope, head_dim=64)
    reference = Qwen2RotaryEmbedding(Qwen2Config.from_pretrained(model_dir))

    embedding = build_rotary_embedding(load_model_config(model_dir), CPU)

    torch.testing.assert_close(
        embedding.inverse_frequencies, reference.inv_freq, rtol=1e-6, atol=0.0
    )
    assert embedding.attention_factor == pytest.approx(reference.attention_scaling, rel=1e-12)


def test_heads_are_rotated_as_transformers_rotates_them(
    make_checkpoint: Callable[..., Path],
) -> None:
    model_dir = make_checkpoint(rope_parameters=YARN)
    reference = Qwen2RotaryEmbedding(Qwen2Config.from_pretrained(model_dir))
    positions = torch.tensor([0, 1, 7, 500, 131_000])
    q = torch.randn(5, 4, 16, generator=torch.Generator().manual_seed(0))
    cos, sin = reference(q, positions[None])
    # transformers: [batch, num_heads, num_tokens, head_dim]
    expected, _ = apply_rotary_pos_emb(q.transpose(0, 1)[None], q.transpose(0, 1)[None], cos, sin)

    embedding = build_rotary_embedding(load_model_config(model_dir), CPU)
    rotate(q, *embedding.cos_sin(positions))

    torch.testing.assert_close(q, expected[0].transpose(0, 1), rtol=1e-6, atol=1e-6)


def test_half_precision_heads_are_rotated_in_float32() -> None:
    q = torch.randn(3, 4, 16, generator=torch.Generator().manual_seed(0)).bfloat16()
    angles = torch.linspace(0, 3, 24).view(3, 1, 8)

    wide = q.float()

    rotate(q, angles.cos(), angles.sin())
    rotate(wide, angles.cos(), angles.sin())

    assert torch.equal(q, wide.bfloat16())


def test_heads_are_rotated_where_they_are() -> None:
    heads = torch.ones(3, 4, 16)

    rotate(heads[:, :3], torch.zeros(3, 1, 8), torch.ones(3, 1, 8))

    assert heads[:, :, 0].tolist() == [[-1, -1, -1, 1]] * 3
