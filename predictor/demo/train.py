"""Train the embedded model: ``python -m predictor.demo.train`` writes every file it consists of."""

import argparse
import math
import random
import time
from pathlib import Path
from statistics import mean

import torch
from torch.nn import functional
from transformers import Qwen2ForCausalLM

from predictor.demo.batches import Batch, draw_batches
from predictor.demo.build_tokenizer import build_tokenizer
from predictor.demo.checkpoint import checkpoint_config, new_model, save_checkpoint

SEED = 0
NUM_STEPS = 4500
NUM_THREADS = 2
BATCH_SIZE = 32
LEARNING_RATE = 3e-3
NUM_WARMUP_STEPS = 100
WEIGHT_DECAY = 0.01
MAX_GRADIENT_NORM = 1.0
REPORT_EVERY = 100  # steps


def train(directory: Path, *, seed: int, num_steps: int) -> None:
    """Write a checkpoint into ``directory``: the same on the same machine for the same seed."""
    torch.manual_seed(seed)
    tokenizer = build_tokenizer(random.Random(seed))
    model = new_model(checkpoint_config(tokenizer))
    optimizers = _optimizers(model)
    batches = draw_batches(random.Random(seed), tokenizer, BATCH_SIZE)
    started = time.monotonic()
    losses: list[float] = []
    for step in range(num_steps):
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * _schedule(step, num_steps)
        loss = _loss(model, next(batches))
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
        if len(losses) == REPORT_EVERY:
            elapsed_s = time.monotonic() - started
            print(f"step {step + 1} loss {mean(losses):.5f} {elapsed_s:.0f} s", flush=True)
            losses.clear()
    save_checkpoint(model, tokenizer, directory)


def _optimizers(model: Qwen2ForCausalLM) -> list[torch.optim.Optimizer]:
    # Muon is for the matrices between embedding and head (https://kellerjordan.github.io/posts/muon);
    # with its updates scaled to AdamW's size the two share a learning rate.
    matrices = [weight for weight in model.model.layers.parameters() if weight.ndim == 2]
    chosen = set(matrices)
    others = [weight for weight in model.parameters() if weight not in chosen]
    return [
        torch.optim.Muon(
            matrices, weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw", ns_steps=4
        ),
        torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY, fused=True),
    ]


def _schedule(step: int, num_steps: int) -> float:
    warmup = min(1.0, (step + 1) / NUM_WARMUP_STEPS)
    return warmup * 0.5 * (1 + math.cos(math.pi * step / num_steps))


def _loss(model: Qwen2ForCausalLM, batch: Batch) -> torch.Tensor:
    # The causal mask alone keeps the padding out: it stands right of every token with a loss.
    hidden = model.model(input_ids=batch.token_ids, use_cache=False).last_hidden_state
    weights = batch.loss_weights[:, :-1]
    is_predicted = weights > 0
    # [num_predictions, hidden_size] -> [num_predictions, vocab_size]
    logits = model.lm_head(hidden[:, :-1][is_predicted])
    losses = functional.cross_entropy(
        logits, batch.token_ids[:, 1:][is_predicted], reduction="none"
    )
    return (losses * weights[is_predicted]).sum() / weights.sum()


def main() -> None:
    """Train with the seed and the number of steps from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--num-steps", type=int, default=NUM_STEPS)
    options = parser.parse_args()
    torch.set_num_threads(NUM_THREADS)
    train(options.output, seed=options.seed, num_steps=options.num_steps)


if __name__ == "__main__":
    main()
