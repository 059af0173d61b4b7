"""Training: reproducible, and with a loss on completions alone."""

import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

import predictor.demo
from predictor.demo.batches import FORCED_LOSS_WEIGHT, draw_batches
from predictor.demo.build_tokenizer import EOS
from predictor.demo.checkpoint import checkpoint_config, new_model, save_checkpoint
from predictor.demo.train import train

CHECKPOINT_FILES = {
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(Path(predictor.demo.__file__).parent / "tokenizer.json"))


@pytest.mark.nightly
def test_equal_seeds_write_equal_checkpoints(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for directory in (first, second):
        directory.mkdir()
        train(directory, seed=1, num_steps=1)

    files = {path.name: path.read_bytes() for path in first.iterdir()}
    assert files.keys() == CHECKPOINT_FILES
    assert files == {path.name: path.read_bytes() for path in second.iterdir()}


def test_a_checkpoint_is_saved_in_bfloat16_over_the_one_before(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    (tmp_path / "config.json").write_text("{}")

    save_checkpoint(new_model(checkpoint_config(tokenizer)), tokenizer, tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == CHECKPOINT_FILES
    assert "Qwen2ForCausalLM" in (tmp_path / "config.json").read_text()
    weights = load_file(tmp_path / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}


def test_only_the_completion_is_predicted(tokenizer: Tokenizer) -> None:
    batch = next(draw_batches(random.Random(2), tokenizer, batch_size=16))
    for row, weights in zip(batch.token_ids, batch.loss_weights, strict=True):
        positions = weights.nonzero().flatten()
        prompt = tokenizer.decode(row[: positions[0] + 1].tolist(), skip_special_tokens=False)
        completion = tokenizer.decode(row[positions + 1].tolist(), skip_special_tokens=False)

        assert prompt.endswith(("<think>\n", "</think>\n\n"))
        assert completion.endswith(EOS)
        assert "<｜User｜>" not in completion
        assert positions.tolist() == list(range(int(positions[0]), int(positions[-1]) + 1))


def test_an_answer_after_forced_thoughts_counts_less(tokenizer: Tokenizer) -> None:
    batch = next(draw_batches(random.Random(2), tokenizer, batch_size=64))
    think_end = tokenizer.token_to_id("</think>")
    has_free_thoughts = ((batch.token_ids == think_end) & (batch.loss_weights > 0)).any(dim=1)
    weights = batch.loss_weights.amax(dim=1)

    assert set(weights[has_free_thoughts].tolist()) == {1.0}
    assert weights[~has_free_thoughts].tolist() == pytest.approx(
        [FORCED_LOSS_WEIGHT] * int((~has_free_thoughts).sum())
    )
    assert not has_free_thoughts.all()
