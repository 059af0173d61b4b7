"""Rotary position embeddings (RoFormer, https://arxiv.org/abs/2104.09864) and their scalings."""

import math
from dataclasses import dataclass

import torch

from predictor.engine.model_config import (
    LinearScaling,
    Llama3Scaling,
    ModelConfig,
    YarnScaling,
)


@dataclass(frozen=True, slots=True, eq=False)
class RotaryEmbedding:
    """Inverse frequencies, float32 [head_dim / 2], and the factor on cosine and sine."""

    inverse_frequencies: torch.Tensor
    attention_factor: float

    def cos_sin(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return cosine and sine, float32 [num_tokens, 1, head_dim / 2], of int64 positions."""
        angles = positions[:, None, None].float() * self.inverse_frequencies
        return angles.cos() * self.attention_factor, angles.sin() * self.attention_factor


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> None:
    """Rotate heads [num_tokens, num_heads, head_dim] in place, computed in float32."""
    # Dimension i is paired with i + head_dim / 2, as checkpoints of the Llama family are laid out.
    first, second = x.chunk(2, dim=-1)  # [num_tokens, num_heads, head_dim / 2]
    x.copy_(torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1))


def build_rotary_embedding(config: ModelConfig, device: torch.device) -> RotaryEmbedding:
    """Return the rotary embedding that config.json describes."""
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    frequencies = 1.0 / config.rope_theta**exponents  # [head_dim / 2]
    attention_factor = 1.0
    match config.rope_scaling:
        case LinearScaling(factor):
            frequencies = frequencies / factor
        case Llama3Scaling() as llama3:
            frequencies = _scale_llama3(frequencies, llama3)
        case YarnScaling() as yarn:
            frequencies = _scale_yarn(frequencies, yarn, config.rope_theta)
            attention_factor = _yarn_attention_factor(yarn)
    return RotaryEmbedding(frequencies.to(device), attention_factor)


def _scale_llama3(frequencies: torch.Tensor, scaling: Llama3Scaling) -> torch.Tensor:
    """Divide the low frequencies, keep the high ones and blend between."""
    num_turns = scaling.original_max_position_embeddings * frequencies / (2 * math.pi)
    width = scaling.high_freq_factor - scaling.low_freq_factor
    share_kept = ((num_turns - scaling.low_freq_factor) / width).clamp(0, 1)
    return frequencies * share_kept + frequencies / scaling.factor * (1 - share_kept)


def _scale_yarn(frequencies: torch.Tensor, yarn: YarnScaling, theta: float) -> torch.Tensor:
    """Keep frequencies that turn more than beta_fast times, divide those under beta_slow."""
    head_dim = 2 * len(frequencies)

    def dimension_of(num_turns: float) -> float:
        wavelength = yarn.original_max_position_embeddings / (num_turns * 2 * math.pi)
        return head_dim * math.log(wavelength) / (2 * math.log(theta))

    low, high = dimension_of(yarn.beta_fast), dimension_of(yarn.beta_slow)
    if yarn.truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, head_dim - 1)
    # A ramp without width would divide by zero.
    width = high - low or 0.001
    dimensions = torch.arange(len(frequencies), dtype=torch.float32)
    share_divided = ((dimensions - low) / width).clamp(0, 1)
    return frequencies / yarn.factor * share_divided + frequencies * (1 - share_divided)


def _yarn_attention_factor(yarn: YarnScaling) -> float:
    if yarn.attention_factor is not None:
        return yarn.attention_factor
    if yarn.mscale is not None and yarn.mscale_all_dim is not None:
        return _mscale(yarn.factor, yarn.mscale) / _mscale(yarn.factor, yarn.mscale_all_dim)
    return _mscale(yarn.factor, 1.0)


def _mscale(factor: float, weight: float) -> float:
    return 0.1 * weight * math.log(factor) + 1.0 if factor > 1 else 1.0
