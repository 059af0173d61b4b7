"""Fixtures shared by the predictor's tests."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

# Tiny tensors run several times faster on one thread; torch reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def run_on_a_loop() -> Callable[[Callable[[], Awaitable[None]]], None]:
    """Run a test's async body to its end, which must come within a minute."""

    async def bounded(body: Callable[[], Awaitable[None]]) -> None:
        await asyncio.wait_for(body(), 60)

    return lambda body: asyncio.run(bounded(body))


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a maker of tiny Qwen2 checkpoints with random weights, each in its own directory.

    Keywords are fields of Qwen2Config, or ``dtype`` (of the stored weights, by name),
    ``max_shard_size``, ``old_spelling`` (config.json as before transformers 5) and ``seed``.
    """
    # Most of the predictor's tests need no torch: they should not wait for its import.
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    def make(
        *,
        dtype: str = "float32",
        max_shard_size: str = "1GB",
        old_spelling: bool = False,
        seed: int = 0,
        **overrides: object,
    ) -> Path:
        fields = {
            "vocab_size": 300,
            "hidden_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "intermediate_size": 96,
            "max_position_embeddings": 512,
            "bos_token_id": 298,
            "eos_token_id": 299,
        }
        model = Qwen2ForCausalLM(Qwen2Config(**(fields | overrides)))
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in model.named_parameters():
            # Biases and norms are drawn too: at their initial 0 and 1 nobody would miss them.
            mean = 1.0 if "norm" in name else 0.0
            torch.nn.init.normal_(parameter, mean, 0.2, generator=generator)
        model_dir = tmp_path_factory.mktemp("checkpoint")
        model.to(getattr(torch, dtype)).save_pretrained(model_dir, max_shard_size=max_shard_size)
        if old_spelling:
            _respell(model_dir / "config.json")
        return model_dir

    return make


def _respell(path: Path) -> None:
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    rope["type"] = rope.pop("rope_type")
    config["rope_scaling"] = None if rope["type"] == "default" else rope
    config["torch_dtype"] = config.pop("dtype")
    path.write_text(json.dumps(config))
