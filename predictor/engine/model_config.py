"""config.json of a checkpoint -> ModelConfig."""

import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from predictor.engine.checkpoint import read_json_object
from predictor.errors import ModelRefused

CheckpointDType = Literal["float32", "float16", "bfloat16"]

SUPPORTED_ARCHITECTURES = ("Qwen2ForCausalLM",)
SUPPORTED_ROPE_TYPES = ("default", "linear", "yarn", "llama3")

_UNSUPPORTED_FIELDS = {
    "auto_map": "must be absent: remote code is never executed",
    "quantization_config": "must be absent: quantized weights are not supported",
    "use_sliding_window": "must be false: every layer attends to the whole context",
    "use_mrope": "must be false",
    "partial_rotary_factor": "must be absent: the whole head is rotated",
    "original_max_position_embeddings": "must stand in rope_scaling",
}


@dataclass(frozen=True, slots=True)
class LinearScaling:
    """Every rotary frequency divided by ``factor``."""

    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class YarnScaling:
    """YaRN, https://arxiv.org/abs/2309.00071; None: derived as the paper says."""

    factor: float
    original_max_position_embeddings: int
    attention_factor: float | None
    beta_fast: float
    beta_slow: float
    mscale: float | None
    mscale_all_dim: float | None
    truncate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Llama3Scaling:
    """The frequency bands of Llama 3.1."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_position_embeddings: int


RopeScaling = LinearScaling | YarnScaling | Llama3Scaling


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """A Qwen2 model's shape, as its config.json states it; ``dtype`` is the checkpoint's."""

    architecture: str
    vocab_size: int
    hidden_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    intermediate_size: int
    rms_norm_eps: float
    tie_word_embeddings: bool
    max_position_embeddings: int
    rope_theta: float
    rope_scaling: RopeScaling | None
    dtype: CheckpointDType
    bos_token_id: int | None
    eos_token_ids: tuple[int, ...]

    @property
    def max_context_len(self) -> int:
        """The positions the model is fit for: Qwen2.5 adds yarn and leaves the field as it was."""
        if not isinstance(self.rope_scaling, YarnScaling):
            return self.max_position_embeddings
        scaling = self.rope_scaling
        stretched = int(scaling.original_max_position_embeddings * scaling.factor)
        return max(self.max_position_embeddings, stretched)


def load_model_config(model_dir: Path) -> ModelConfig:
    """Parse config.json in either spelling: of real checkpoints, or of transformers 5.

    Raises ModelRefused, naming file, field, value and what is allowed.
    """
    path = model_dir / "config.json"
    fields = _Fields(path, read_json_object(path))
    architecture = _parse_architecture(fields)
    _check_supported(fields)
    hidden_size = fields.integer("hidden_size")
    num_heads = fields.integer("num_attention_heads")
    num_kv_heads = fields.integer("num_key_value_heads")
    if num_heads % num_kv_heads:
        raise fields.refusal("num_key_value_heads", f"must divide {num_heads} attention heads")
    rope_theta, rope_scaling = _parse_rope(fields)
    return ModelConfig(
        architecture=architecture,
        vocab_size=fields.integer("vocab_size"),
        hidden_size=hidden_size,
        num_layers=fields.integer("num_hidden_layers"),
        num_heads=num_heads,
        num_kv_heads=num_kv_heads,
        head_dim=_parse_head_dim(fields, hidden_size, num_heads),
        intermediate_size=fields.integer("intermediate_size"),
        rms_norm_eps=fields.number("rms_norm_eps"),
        tie_word_embeddings=fields.boolean("tie_word_embeddings", default=False),
        max_position_embeddings=fields.integer("max_position_embeddings"),
        rope_theta=rope_theta,
        rope_scaling=rope_scaling,
        dtype=_parse_dtype(fields),
        bos_token_id=_parse_bos_token_id(fields),
        eos_token_ids=_parse_eos_token_ids(fields),
    )


class _Fields:
    """Typed access to a JSON object; null counts as absent."""

    def __init__(self, path: Path, values: Mapping[str, object], prefix: str = "") -> None:
        self.path = path
        self.values = {name: value for name, value in values.items() if value is not None}
        self._prefix = prefix

    def refusal(self, name: str, allowed: str) -> ModelRefused:
        value = reprlib.repr(self.values[name]) if name in self.values else "missing"
        return ModelRefused(f"{self.path}: {self._prefix}{name} is {value}, {allowed}")

    def integer(self, name: str) -> int:
        value = self.values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.refusal(name, "must be a positive integer")
        return value

    def number(self, name: str, *, above: float = 0.0) -> float:
        value = self.values.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.refusal(name, "must be a number")
        if not math.isfinite(value) or value <= above:
            raise self.refusal(name, f"must be finite and above {above:g}")
        return float(value)

    def optional_number(self, name: str) -> float | None:
        return self.number(name) if name in self.values else None

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            raise self.refusal(name, "must be true or false")
        return value

    def nested(self, name: str) -> "_Fields":
        value = self.values.get(name, {})
        if not isinstance(value, dict):
            raise self.refusal(name, "must be an object")
        return _Fields(self.path, value, f"{self._prefix}{name}.")


def _parse_architecture(fields: _Fields) -> str:
    architectures = fields.values.get("architectures")
    if not isinstance(architectures, list) or len(architectures) != 1:
        raise fields.refusal("architectures", "must be a list of one name")
    if architectures[0] not in SUPPORTED_ARCHITECTURES:
        supported = ", ".join(SUPPORTED_ARCHITECTURES)
        raise fields.refusal("architectures", f"supported: {supported}")
    return str(architectures[0])


def _check_supported(fields: _Fields) -> None:
    for name, allowed in _UNSUPPORTED_FIELDS.items():
        if fields.values.get(name, False) is not False:
            raise fields.refusal(name, allowed)
    if fields.values.get("hidden_act") != "silu":
        raise fields.refusal("hidden_act", "must be 'silu'")
    layer_types = fields.values.get("layer_types", [])
    if not isinstance(layer_types, list) or any(kind != "full_attention" for kind in layer_types):
        raise fields.refusal("layer_types", "must be a list of 'full_attention' only")


def _parse_head_dim(fields: _Fields, hidden_size: int, num_heads: int) -> int:
    # Rotary embeddings turn pairs of dimensions.
    if "head_dim" in fields.values:
        if fields.integer("head_dim") % 2:
            raise fields.refusal("head_dim", "must be even")
        return fields.integer("head_dim")
    if hidden_size % (2 * num_heads):
        raise fields.refusal("hidden_size", f"must be an even number for each of {num_heads} heads")
    return hidden_size // num_heads


def _parse_dtype(fields: _Fields) -> CheckpointDType:
    name = _only_spelling(fields, "torch_dtype", "dtype")
    for dtype in get_args(CheckpointDType):
        if fields.values.get(name) == dtype:
            return dtype  # type: ignore[no-any-return]
    raise fields.refusal(name, f"must be one of {', '.join(get_args(CheckpointDType))}")


def _only_spelling(fields: _Fields, old: str, new: str) -> str:
    if old in fields.values and fields.values.get(new, fields.values[old]) != fields.values[old]:
        raise fields.refusal(old, f"yet {new} is {reprlib.repr(fields.values[new])}")
    return new if new in fields.values else old


def _parse_bos_token_id(fields: _Fields) -> int | None:
    value = fields.values.get("bos_token_id")
    return None if value is None else _check_token_id(fields, "bos_token_id", value)


def _parse_eos_token_ids(fields: _Fields) -> tuple[int, ...]:
    value = fields.values.get("eos_token_id", [])
    ids = value if isinstance(value, list) else [value]
    return tuple(_check_token_id(fields, "eos_token_id", token_id) for token_id in ids)


def _check_token_id(fields: _Fields, name: str, value: object) -> int:
    vocab_size = fields.integer("vocab_size")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < vocab_size:
        raise fields.refusal(name, f"a token id must be an integer in 0..{vocab_size - 1}")
    return value


def _parse_rope(fields: _Fields) -> tuple[float, RopeScaling | None]:
    rope = fields.nested(_only_spelling(fields, "rope_scaling", "rope_parameters"))
    theta_at = rope if "rope_theta" in rope.values else fields
    theta = theta_at.number("rope_theta", above=1.0)
    if fields.values.get("rope_theta", theta) != theta:
        raise fields.refusal("rope_theta", f"yet rope_parameters.rope_theta is {theta:g}")
    # "type" is the older name of "rope_type"; some checkpoints carry both.
    type_name = _only_spelling(rope, "type", "rope_type")
    rope_type = rope.values.get(type_name, "default")
    if rope_type not in SUPPORTED_ROPE_TYPES:
        raise rope.refusal(type_name, f"supported: {', '.join(SUPPORTED_ROPE_TYPES)}")
    scaling = _parse_scaling(str(rope_type), rope, fields.integer("max_position_embeddings"))
    known = {"type", "rope_type", "rope_theta", *getattr(scaling, "__slots__", ())}
    for name in rope.values:
        if name not in known:
            raise rope.refusal(name, f"no such parameter of rope_type {rope_type}")
    return theta, scaling


def _parse_scaling(rope_type: str, rope: _Fields, max_positions: int) -> RopeScaling | None:
    original = "original_max_position_embeddings"
    num_original = rope.integer(original) if original in rope.values else max_positions
    match rope_type:
        case "linear":
            return LinearScaling(rope.number("factor"))
        case "yarn":
            return YarnScaling(
                factor=rope.number("factor"),
                original_max_position_embeddings=num_original,
                attention_factor=rope.optional_number("attention_factor"),
                beta_fast=rope.optional_number("beta_fast") or 32.0,
                beta_slow=rope.optional_number("beta_slow") or 1.0,
                mscale=rope.optional_number("mscale"),
                mscale_all_dim=rope.optional_number("mscale_all_dim"),
                truncate=rope.boolean("truncate", default=True),
            )
        case "llama3":
            low = rope.number("low_freq_factor")
            return Llama3Scaling(
                factor=rope.number("factor"),
                low_freq_factor=low,
                high_freq_factor=rope.number("high_freq_factor", above=low),
                original_max_position_embeddings=num_original,
            )
    return None
