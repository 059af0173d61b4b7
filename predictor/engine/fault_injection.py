"""Faults on purpose, for tests and demonstrations alone: how a loaded engine gets them."""

from collections.abc import Callable
from dataclasses import fields
from typing import Final

import torch

from predictor.engine.causal_lm import CausalLM
from predictor.engine.engine import RunBatch
from predictor.engine.faults import Faults
from predictor.engine.linear import Linear, Projection
from predictor.engine.sampler import uniform
from predictor.engine.scheduler import Batch
from predictor.engine.sequence import Sample

SEED: Final = 0


def inject_into_steps(run: RunBatch, faults: Faults, sleep: Callable[[float], None]) -> RunBatch:
    """Return ``run`` with the faults around it, and ``run`` itself where none touches a step."""
    if not (faults.step_delay_s or faults.error_rate or faults.stall_s):
        return run
    return _FaultyRun(run, faults, sleep)


def inject_into_weights(model: CausalLM, faults: Faults) -> None:
    """Make the model answer wrongly, the same way each time; nothing without ``weight_noise``."""
    if not faults.weight_noise:
        return
    generator = torch.Generator(model.device).manual_seed(SEED)
    for weight in _weights(model):
        noise = torch.randn(weight.shape, generator=generator, device=weight.device)
        weight.mul_(1 + faults.weight_noise * noise)


class _FaultyRun:
    """Called for a batch, sleeps as the faults say, runs it, and spoils what they say."""

    def __init__(self, run: RunBatch, faults: Faults, sleep: Callable[[float], None]) -> None:
        self._run = run
        self._faults = faults
        self._sleep = sleep

    def __call__(self, batch: Batch) -> list[list[Sample]]:
        sampled = [chunk.sequence for chunk in batch.chunks if chunk.reaches_end]
        faults = self._faults
        if faults.step_delay_s:
            self._sleep(faults.step_delay_s)
        # A sequence has a number of output tokens for just one step that samples it.
        if faults.stall_s and any(
            sequence.num_output_tokens == faults.stall_after_tokens for sequence in sampled
        ):
            self._sleep(faults.stall_s)
        return [
            [Sample(None)] if self._fails(sequence.id) else samples
            for sequence, samples in zip(sampled, self._run(batch), strict=True)
        ]

    def _fails(self, sequence_id: int) -> bool:
        """Whether the sequence ends with its first token."""
        return uniform(SEED, sequence_id) < self._faults.error_rate


def _weights(model: CausalLM) -> list[torch.Tensor]:
    """Return each weight once, though the head be tied to the embeddings."""
    layers = [
        tensor
        for layer in model.layers
        for field in fields(layer)
        for tensor in _tensors(getattr(layer, field.name))
    ]
    head = [t for t in _tensors(model.lm_head) if t is not model.embed_tokens]
    return [model.embed_tokens, *layers, model.norm, *head]


def _tensors(part: torch.Tensor | Projection) -> list[torch.Tensor]:
    if isinstance(part, torch.Tensor):
        return [part]
    assert isinstance(part, Linear)
    return [part.weight] if part.bias is None else [part.weight, part.bias]
