import json
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Qwen2ForCausalLM

from predictor.engine.causal_lm import CausalLM
from predictor.engine.model_config import load_model_config
from predictor.engine.weights import load_causal_lm
from predictor.errors import ModelRefused

CPU = torch.device("cpu")
MakeCheckpoint = Callable[..., Path]
Tensors = dict[str, torch.Tensor]

Q = "model.layers.1.self_attn.q_proj.weight"
NORM = "model.norm.weight"


def load(model_dir: Path, dtype: torch.dtype = torch.float32) -> CausalLM:
    return load_causal_lm(model_dir, load_model_config(model_dir), CPU, dtype)


def edit(model_dir: Path, change: Callable[[Tensors], Any]) -> Path:
    tensors = load_file(model_dir / "model.safetensors")
    change(tensors)
    save_file(tensors, model_dir / "model.safetensors")
    return model_dir


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({}, id="single file"),
        pytest.param({"max_shard_size": "60KB"}, id="sharded"),
        pytest.param({"tie_word_embeddings": True}, id="tied"),
        pytest.param({"dtype": "bfloat16"}, id="bfloat16"),
        pytest.param({"dtype": "float16"}, id="float16"),
        pytest.param({"old_spelling": True, "max_shard_size": "60KB"}, id="old spelling"),
    ],
)
def test_every_tensor_is_loaded_as_stored(
    make_checkpoint: MakeCheckpoint, overrides: dict[str, Any]
) -> None:
    model_dir = make_checkpoint(**overrides)
    stored = Qwen2ForCausalLM.from_pretrained(model_dir, dtype=torch.float32).state_dict()

    model = load(model_dir)

    attention = "model.layers.1.self_attn"
    assert torch.equal(model.embed_tokens, stored["model.embed_tokens.weight"])
    assert torch.equal(attrgetter("lm_head.weight")(model), stored["lm_head.weight"])
    assert torch.equal(model.norm, stored[NORM])
    for field, names in {
        "input_norm": ["model.layers.1.input_layernorm.weight"],
        "qkv.weight": [f"{attention}.{name}_proj.weight" for name in "qkv"],
        "qkv.bias": [f"{attention}.{name}_proj.bias" for name in "qkv"],
        "o.weight": [f"{attention}.o_proj.weight"],
        "post_attention_norm": ["model.layers.1.post_attention_layernorm.weight"],
        "gate_up.weight": [f"model.layers.1.mlp.{name}_proj.weight" for name in ("gate", "up")],
        "down.weight": ["model.layers.1.mlp.down_proj.weight"],
    }.items():
        expected = torch.cat([stored[name] for name in names])
        assert torch.equal(attrgetter(field)(model.layers[1]), expected), field


def test_weights_take_the_dtype_asked_for(make_checkpoint: MakeCheckpoint) -> None:
    model = load(make_checkpoint(dtype="float32"), torch.bfloat16)

    assert model.dtype == torch.bfloat16
    assert {layer.input_norm.dtype for layer in model.layers} == {torch.bfloat16}


def test_a_tied_head_shares_the_embeddings_memory(make_checkpoint: MakeCheckpoint) -> None:
    model = load(make_checkpoint(tie_word_embeddings=True))

    assert attrgetter("lm_head.weight")(model) is model.embed_tokens


def test_a_tied_head_may_be_stored_too(make_checkpoint: MakeCheckpoint) -> None:
    model_dir = edit(
        make_checkpoint(tie_word_embeddings=True),
        lambda t: t.update({"lm_head.weight": t["model.embed_tokens.weight"].clone()}),
    )

    assert attrgetter("lm_head.weight")(load(model_dir)).shape == (300, 64)


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.0.self_attn.rotary_emb.inv_freq",
        "model.layers.11.self_attn.rotary_emb.inv_freq",
        "model.rotary_emb.inv_freq",
    ],
)
def test_rotary_buffers_of_old_checkpoints_are_passed_over(
    make_checkpoint: MakeCheckpoint, name: str
) -> None:
    assert load(edit(make_checkpoint(), lambda t: t.update({name: torch.ones(8)})))


REFUSED_TENSORS = {
    "missing": (lambda t: t.pop(NORM), f"no weight file holds the tensor {NORM}"),
    "missing bias": (lambda t: t.pop("model.layers.0.self_attn.k_proj.bias"), "k_proj.bias"),
    "missing head": (lambda t: t.pop("lm_head.weight"), "no weight file .* lm_head.weight"),
    "a layer more": (
        lambda t: t.update({"model.layers.2.input_layernorm.weight": torch.ones(64)}),
        "'model.layers.2.input_layernorm.weight' is not part of the model",
    ),
    "name with a line break": (lambda t: t.update({"a\nb": torch.ones(1)}), r"'a\\nb' is not part"),
    "almost a rotary buffer": (
        lambda t: t.update({"model.layers.0.rotary_emb.inv_freq": torch.ones(8)}),
        "rotary_emb.inv_freq' is not part of the model",
    ),
    "wrong shape": (
        lambda t: t.update({Q: torch.ones(64, 65)}),
        rf"{Q} has shape \[64, 65\], config.json makes it \[64, 64\]",
    ),
    "transposed": (
        lambda t: t.update({"lm_head.weight": torch.ones(64, 300)}),
        r"lm_head.weight has shape \[64, 300\], config.json makes it \[300, 64\]",
    ),
    "scalar": (lambda t: t.update({NORM: torch.tensor(1.0)}), r"has shape \[\]"),
    "float64": (lambda t: t.update({NORM: t[NORM].double()}), f"{NORM} is stored as F64"),
    "int8": (lambda t: t.update({Q: t[Q].char()}), f"{Q} is stored as I8, must be one of F32"),
    "NaN": (lambda t: t[Q][63].fill_(torch.nan), f"{Q} holds NaN or Inf"),
    "one Inf": (lambda t: t[NORM][7].fill_(torch.inf), f"{NORM} holds NaN or Inf"),
    "one -Inf": (lambda t: t[NORM][0].fill_(-torch.inf), f"{NORM} holds NaN or Inf"),
}


@pytest.mark.parametrize(("change", "words"), REFUSED_TENSORS.values(), ids=list(REFUSED_TENSORS))
def test_tensors_that_are_not_the_models_are_refused_by_file_and_name(
    make_checkpoint: MakeCheckpoint, change: Callable[[Tensors], Any], words: str
) -> None:
    model_dir = edit(make_checkpoint(), change)

    with pytest.raises(ModelRefused, match=words) as refusal:
        load(model_dir)

    assert str(model_dir) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_stored_head_that_differs_though_tied_is_refused(
    make_checkpoint: MakeCheckpoint,
) -> None:
    model_dir = edit(
        make_checkpoint(tie_word_embeddings=True),
        lambda t: t.update({"lm_head.weight": t["model.embed_tokens.weight"] + 1}),
    )

    with pytest.raises(ModelRefused, match=r"lm_head\.weight differs from the embeddings"):
        load(model_dir)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_weight_too_large_for_float16_is_refused(
    make_checkpoint: MakeCheckpoint, dtype: str
) -> None:
    model_dir = edit(make_checkpoint(dtype=dtype), lambda t: t[NORM][3].fill_(-131072.0))

    assert load(model_dir)
    with pytest.raises(ModelRefused, match=rf"{NORM} reaches 131072, over 65504, .* float16"):
        load(model_dir, torch.float16)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: content[:-1], id="one byte short"),
        pytest.param(lambda content: content[:100], id="header cut"),
        pytest.param(lambda content: content + b"\0", id="one byte more"),
        pytest.param(lambda content: b"\xff" * 8 + content[8:], id="header too long"),
        pytest.param(lambda content: content[:8] + b"x" + content[9:], id="header not JSON"),
        pytest.param(lambda content: b"\x80\x02}q\x00.", id="pickle"),
    ],
)
def test_a_broken_file_is_refused_by_name(
    make_checkpoint: MakeCheckpoint, change: Callable[[bytes], bytes]
) -> None:
    file = make_checkpoint() / "model.safetensors"
    file.write_bytes(change(file.read_bytes()))

    with pytest.raises(ModelRefused, match=r"model\.safetensors cannot be read as safetensors"):
        load(file.parent)


def test_a_tensor_in_two_shards_is_refused(make_checkpoint: MakeCheckpoint) -> None:
    model_dir = make_checkpoint(max_shard_size="60KB")
    first, second, *_ = sorted(model_dir.glob("*.safetensors"))
    repeated = load_file(first) | load_file(second)
    save_file(repeated, second)

    with pytest.raises(ModelRefused, match="is also in"):
        load(model_dir)


def test_altered_weights_are_refused_by_their_checksum(make_checkpoint: MakeCheckpoint) -> None:
    model_dir = make_checkpoint()
    (model_dir / "SHA256SUMS").write_text(f"{'0' * 64}  model.safetensors\n")

    with pytest.raises(ModelRefused, match="differs from its digest"):
        load(model_dir)


def test_a_config_of_absurd_size_is_refused_before_memory_is_taken(
    make_checkpoint: MakeCheckpoint,
) -> None:
    path = make_checkpoint() / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"intermediate_size": 10**15, "num_hidden_layers": 10**9}))

    with pytest.raises(ModelRefused, match=r"gate_proj\.weight has shape \[96, 64\]"):
        load(path.parent)
