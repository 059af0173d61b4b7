import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from predictor.engine.model_config import (
    LinearScaling,
    Llama3Scaling,
    RopeScaling,
    YarnScaling,
    load_model_config,
)
from predictor.errors import ModelRefused

R1_DISTILL_QWEN_1_5B = {
    "architectures": ["Qwen2ForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": 151646,
    "eos_token_id": 151643,
    "hidden_act": "silu",
    "hidden_size": 1536,
    "initializer_range": 0.02,
    "intermediate_size": 8960,
    "max_position_embeddings": 131072,
    "max_window_layers": 21,
    "model_type": "qwen2",
    "num_attention_heads": 12,
    "num_hidden_layers": 28,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_theta": 10000,
    "sliding_window": 4096,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.44.0",
    "use_cache": True,
    "use_mrope": False,
    "use_sliding_window": False,
    "vocab_size": 151936,
}


def write_config(model_dir: Path, **changes: Any) -> Path:
    """Write R1's config.json with ``changes``; ``...`` removes a field."""
    config = {k: v for k, v in (R1_DISTILL_QWEN_1_5B | changes).items() if v is not ...}
    (model_dir / "config.json").write_text(json.dumps(config))
    return model_dir


def test_the_real_checkpoints_config_is_read_whole(tmp_path: Path) -> None:
    config = load_model_config(write_config(tmp_path))

    assert config.architecture == "Qwen2ForCausalLM"
    assert (config.vocab_size, config.hidden_size, config.intermediate_size) == (151936, 1536, 8960)
    assert (config.num_layers, config.num_heads, config.num_kv_heads) == (28, 12, 2)
    assert (config.head_dim, config.rms_norm_eps) == (128, 1e-6)
    assert (config.tie_word_embeddings, config.max_position_embeddings) == (False, 131072)
    assert (config.rope_theta, config.rope_scaling, config.dtype) == (10000.0, None, "bfloat16")
    assert (config.bos_token_id, config.eos_token_ids) == (151646, (151643,))


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({}, id="default rope"),
        pytest.param({"tie_word_embeddings": True, "dtype": "bfloat16"}, id="tied, bfloat16"),
        pytest.param(
            {"rope_parameters": {"rope_type": "linear", "rope_theta": 5e5, "factor": 2.0}},
            id="linear rope",
        ),
        pytest.param(
            {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0}},
            id="yarn",
        ),
    ],
)
def test_both_spellings_of_a_config_mean_the_same(
    make_checkpoint: Callable[..., Path], overrides: dict[str, Any]
) -> None:
    new = load_model_config(make_checkpoint(**overrides))
    old = load_model_config(make_checkpoint(**overrides, old_spelling=True))

    assert old == new


@pytest.mark.parametrize(
    ("rope_scaling", "expected"),
    [
        pytest.param(None, None, id="null"),
        pytest.param({"rope_type": "default"}, None, id="default"),
        pytest.param({"type": "linear", "factor": 2}, LinearScaling(2.0), id="linear"),
        pytest.param(
            {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768},
            YarnScaling(
                factor=4.0,
                original_max_position_embeddings=32768,
                attention_factor=None,
                beta_fast=32.0,
                beta_slow=1.0,
                mscale=None,
                mscale_all_dim=None,
                truncate=True,
            ),
            id="yarn with its defaults",
        ),
        pytest.param(
            {
                "rope_type": "yarn",
                "type": "yarn",
                "factor": 4.0,
                "attention_factor": 1.5,
                "beta_fast": 16,
                "beta_slow": 2,
                "mscale": 1.0,
                "mscale_all_dim": 0.8,
                "truncate": False,
            },
            YarnScaling(
                factor=4.0,
                original_max_position_embeddings=131072,
                attention_factor=1.5,
                beta_fast=16.0,
                beta_slow=2.0,
                mscale=1.0,
                mscale_all_dim=0.8,
                truncate=False,
            ),
            id="yarn in full",
        ),
        pytest.param(
            {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
            },
            Llama3Scaling(
                factor=8.0,
                low_freq_factor=1.0,
                high_freq_factor=4.0,
                original_max_position_embeddings=8192,
            ),
            id="llama3",
        ),
    ],
)
def test_rope_scaling_is_parsed_by_its_type(
    tmp_path: Path, rope_scaling: dict[str, Any] | None, expected: RopeScaling | None
) -> None:
    model_dir = write_config(tmp_path, rope_scaling=rope_scaling)

    assert load_model_config(model_dir).rope_scaling == expected


def test_a_stated_head_dim_need_not_divide_the_hidden_size(tmp_path: Path) -> None:
    assert load_model_config(write_config(tmp_path, head_dim=64)).head_dim == 64


def test_a_list_of_eos_ids_is_kept_whole(tmp_path: Path) -> None:
    config = load_model_config(write_config(tmp_path, eos_token_id=[151643, 151645]))

    assert config.eos_token_ids == (151643, 151645)


def test_token_ids_may_be_absent(tmp_path: Path) -> None:
    config = load_model_config(write_config(tmp_path, eos_token_id=None, bos_token_id=...))

    assert (config.bos_token_id, config.eos_token_ids) == (None, ())


REFUSALS = [
    ({"auto_map": {"AutoModel": "evil.Model"}}, "auto_map", "remote code is never executed"),
    ({"architectures": ["LlamaForCausalLM"]}, "LlamaForCausalLM", "supported: Qwen2ForCausalLM"),
    ({"architectures": []}, "architectures", "a list of one name"),
    ({"architectures": ["Qwen2ForCausalLM"] * 2}, "architectures", "a list of one name"),
    ({"architectures": ...}, "architectures is missing", "a list of one name"),
    ({"quantization_config": {"bits": 4}}, "quantization_config", "not supported"),
    ({"use_sliding_window": True}, "use_sliding_window is True", "must be false"),
    ({"use_mrope": True}, "use_mrope is True", "must be false"),
    ({"partial_rotary_factor": 0.5}, "partial_rotary_factor is 0.5", "must be absent"),
    ({"original_max_position_embeddings": 9}, "original_max", "must stand in rope_scaling"),
    ({"layer_types": ["sliding_attention"]}, "layer_types", "'full_attention' only"),
    ({"layer_types": 3}, "layer_types is 3", "'full_attention' only"),
    ({"hidden_act": "gelu"}, "hidden_act is 'gelu'", "must be 'silu'"),
    ({"hidden_act": ...}, "hidden_act is missing", "must be 'silu'"),
    ({"vocab_size": ...}, "vocab_size is missing", "positive integer"),
    ({"num_hidden_layers": 0}, "num_hidden_layers is 0", "positive integer"),
    ({"num_hidden_layers": -1}, "num_hidden_layers is -1", "positive integer"),
    ({"num_hidden_layers": True}, "num_hidden_layers is True", "positive integer"),
    ({"intermediate_size": "8960"}, "intermediate_size is '8960'", "positive integer"),
    ({"max_position_embeddings": 1.5}, "max_position_embeddings is 1.5", "positive integer"),
    ({"num_key_value_heads": 5}, "num_key_value_heads is 5", "must divide 12"),
    ({"num_attention_heads": 10}, "hidden_size is 1536", "each of 10 heads"),
    ({"head_dim": 33}, "head_dim is 33", "must be even"),
    ({"rms_norm_eps": 0}, "rms_norm_eps is 0", "above 0"),
    ({"rms_norm_eps": "small"}, "rms_norm_eps is 'small'", "a number"),
    ({"rms_norm_eps": True}, "rms_norm_eps is True", "a number"),
    ({"tie_word_embeddings": 1}, "tie_word_embeddings is 1", "true or false"),
    ({"torch_dtype": "float8"}, "torch_dtype is 'float8'", "float32, float16, bfloat16"),
    ({"torch_dtype": ...}, "torch_dtype is missing", "float32, float16, bfloat16"),
    ({"dtype": "float16"}, "torch_dtype is 'bfloat16'", "dtype is 'float16'"),
    ({"eos_token_id": 151936}, "eos_token_id is 151936", "0..151935"),
    ({"eos_token_id": [1, -1]}, "eos_token_id is [1, -1]", "0..151935"),
    ({"eos_token_id": [True]}, "eos_token_id is [True]", "0..151935"),
    ({"bos_token_id": [1]}, "bos_token_id is [1]", "0..151935"),
    ({"rope_theta": ...}, "rope_theta is missing", "a number"),
    ({"rope_theta": 1}, "rope_theta is 1", "above 1"),
    ({"rope_scaling": "yarn"}, "rope_scaling is 'yarn'", "must be an object"),
    ({"rope_scaling": {"type": "dynamic", "factor": 2}}, "'dynamic'", "default, linear, yarn"),
    ({"rope_scaling": {"rope_type": "longrope"}}, "'longrope'", "default, linear, yarn, llama3"),
    ({"rope_scaling": {"rope_type": ["yarn"]}}, "['yarn']", "default, linear, yarn, llama3"),
    ({"rope_scaling": {"type": "yarn", "rope_type": "linear"}}, "type is 'yarn'", "'linear'"),
    ({"rope_scaling": {"type": "linear"}}, "factor is missing", "a number"),
    ({"rope_scaling": {"type": "linear", "factor": 0}}, "rope_scaling.factor is 0", "above 0"),
    ({"rope_scaling": {"type": "linear", "factor": 2, "x": 1}}, "x is 1", "no such parameter"),
    ({"rope_scaling": {"type": "llama3", "factor": 8}}, "low_freq_factor is missing", "a number"),
    (
        {
            "rope_scaling": {
                "type": "llama3",
                "factor": 8,
                "low_freq_factor": 4,
                "high_freq_factor": 4,
            }
        },
        "rope_scaling.high_freq_factor is 4",
        "above 4",
    ),
    ({"rope_parameters": {"rope_theta": 9}}, "rope_theta is 10000", "rope_theta is 9"),
    (
        {"rope_parameters": {"rope_type": "yarn"}, "rope_scaling": {"rope_type": "linear"}},
        "rope_scaling is {",
        "yet rope_parameters is",
    ),
]


@pytest.mark.parametrize(
    ("changes", "what", "allowed"),
    REFUSALS,
    ids=[f"{what}, {allowed}" for _, what, allowed in REFUSALS],
)
def test_a_config_that_cannot_be_served_is_refused_by_field_value_and_what_is_allowed(
    tmp_path: Path, changes: dict[str, Any], what: str, allowed: str
) -> None:
    with pytest.raises(ModelRefused) as refusal:
        load_model_config(write_config(tmp_path, **changes))

    message = str(refusal.value)
    assert "config.json" in message
    assert what in message
    assert allowed in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "cannot be read as JSON", id="empty"),
        pytest.param(b'{"vocab_size": 3', "cannot be read as JSON", id="truncated"),
        pytest.param(b'{"rms_norm_eps": NaN}', "cannot be read as JSON", id="NaN"),
        pytest.param(b"\xff\xfe{}", "cannot be read as JSON", id="not UTF-8"),
        pytest.param(b"[]", "must be an object", id="list"),
        pytest.param(b"[" * 100_000, "cannot be read as JSON", id="deeply nested"),
    ],
)
def test_a_corrupt_config_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "config.json").write_bytes(content)

    with pytest.raises(ModelRefused, match=words):
        load_model_config(tmp_path)


def test_a_missing_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match=r"config\.json does not exist"):
        load_model_config(tmp_path)
