"""The checkpoint directory: its configuration, and writing all of its files at once."""

import json
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import Qwen2Config, Qwen2ForCausalLM

from predictor.demo.build_tokenizer import BOS, EOS, MODEL_MAX_LENGTH, save_tokenizer


def checkpoint_config(tokenizer: Tokenizer) -> dict[str, object]:
    """Return config.json with the keys, and the spelling, of DeepSeek-R1-Distill-Qwen's."""
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "attention_dropout": 0.0,
        "bos_token_id": tokenizer.token_to_id(BOS),
        "eos_token_id": tokenizer.token_to_id(EOS),
        "hidden_act": "silu",
        "hidden_size": 128,
        "initializer_range": 0.02,
        "intermediate_size": 384,
        "max_position_embeddings": MODEL_MAX_LENGTH,
        "max_window_layers": 4,
        "model_type": "qwen2",
        "num_attention_heads": 4,
        "num_hidden_layers": 4,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-06,
        "rope_theta": 10000,
        "sliding_window": 4096,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "use_mrope": False,
        "use_sliding_window": False,
        "vocab_size": tokenizer.get_vocab_size(),
    }


def generation_config(tokenizer: Tokenizer) -> dict[str, object]:
    """Return generation_config.json: DeepSeek-R1's recommended sampling."""
    return {
        "_from_model_config": True,
        "bos_token_id": tokenizer.token_to_id(BOS),
        "do_sample": True,
        "eos_token_id": tokenizer.token_to_id(EOS),
        "temperature": 0.6,
        "top_p": 0.95,
    }


def new_model(config: dict[str, object]) -> Qwen2ForCausalLM:
    """Return an untrained model in float32, drawn from torch's global generator."""
    return Qwen2ForCausalLM(Qwen2Config.from_dict({**config, "torch_dtype": "float32"}))


def save_checkpoint(model: Qwen2ForCausalLM, tokenizer: Tokenizer, directory: Path) -> None:
    """Write every file of the checkpoint, weights in bfloat16; each file is replaced whole."""
    weights = {
        name: weight.detach().to(torch.bfloat16).contiguous()
        for name, weight in model.state_dict().items()
    }
    with tempfile.TemporaryDirectory(dir=directory, prefix=".saving-") as name:
        staged = Path(name)
        save_file(weights, staged / "model.safetensors", metadata={"format": "pt"})
        _write_json(checkpoint_config(tokenizer), staged / "config.json")
        _write_json(generation_config(tokenizer), staged / "generation_config.json")
        save_tokenizer(tokenizer, staged)
        for file in sorted(staged.iterdir()):
            file.chmod(0o644)
            file.replace(directory / file.name)


def _write_json(values: dict[str, object], path: Path) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
