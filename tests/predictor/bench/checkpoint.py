"""The checkpoint that every contender runs: a Qwen2 of 98 million seeded random weights."""

import json
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save_file

SEED: Final = 0
NUM_LAYERS: Final = 12
HIDDEN_SIZE: Final = 768
NUM_HEADS: Final = 12
NUM_KV_HEADS: Final = 2
INTERMEDIATE_SIZE: Final = 2048
VOCAB_SIZE: Final = 32_000
# Of transformers' own initialization.
STANDARD_DEVIATION: Final = 0.02

CONFIG: Final = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "hidden_act": "silu",
    "hidden_size": HIDDEN_SIZE,
    "intermediate_size": INTERMEDIATE_SIZE,
    "max_position_embeddings": 8192,
    "num_attention_heads": NUM_HEADS,
    "num_hidden_layers": NUM_LAYERS,
    "num_key_value_heads": NUM_KV_HEADS,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "torch_dtype": "float32",
    "use_sliding_window": False,
    "vocab_size": VOCAB_SIZE,
    "bos_token_id": 0,
    "eos_token_id": 1,
}


def write_checkpoint(directory: Path) -> int:
    """Write config.json and model.safetensors, and return how many bytes a decode step reads."""
    directory.mkdir(parents=True, exist_ok=True)
    write_config(directory)
    tensors = _tensors()
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    # The embeddings are tied: they are read whole, as the head.
    return sum(tensor.nbytes for tensor in tensors.values())


def write_config(directory: Path) -> None:
    (directory / "config.json").write_text(json.dumps(CONFIG, indent=2))


def _tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(SEED)

    def weight(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator) * STANDARD_DEVIATION

    kv_rows = HIDDEN_SIZE // NUM_HEADS * NUM_KV_HEADS
    tensors = {
        "model.embed_tokens.weight": weight(VOCAB_SIZE, HIDDEN_SIZE),
        "model.norm.weight": torch.ones(HIDDEN_SIZE),
    }
    for index in range(NUM_LAYERS):
        layer = f"model.layers.{index}"
        for name, rows in (("q", HIDDEN_SIZE), ("k", kv_rows), ("v", kv_rows)):
            tensors[f"{layer}.self_attn.{name}_proj.weight"] = weight(rows, HIDDEN_SIZE)
            tensors[f"{layer}.self_attn.{name}_proj.bias"] = weight(rows)
        tensors[f"{layer}.self_attn.o_proj.weight"] = weight(HIDDEN_SIZE, HIDDEN_SIZE)
        for name in ("gate", "up"):
            tensors[f"{layer}.mlp.{name}_proj.weight"] = weight(INTERMEDIATE_SIZE, HIDDEN_SIZE)
        tensors[f"{layer}.mlp.down_proj.weight"] = weight(HIDDEN_SIZE, INTERMEDIATE_SIZE)
        for name in ("input", "post_attention"):
            tensors[f"{layer}.{name}_layernorm.weight"] = torch.ones(HIDDEN_SIZE)
    return tensors
