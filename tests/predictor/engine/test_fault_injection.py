"""Faults at work, over a fake model with a fake sleep, and on real weights."""

import logging
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path

import pytest
import torch

from predictor.config import EngineConfig
from predictor.engine.block_manager import BlockManager
from predictor.engine.causal_lm import CausalLM
from predictor.engine.engine import Engine
from predictor.engine.fault_injection import inject_into_steps, inject_into_weights
from predictor.engine.faults import Faults
from predictor.engine.loader import load_engine
from predictor.engine.model_config import load_model_config
from predictor.engine.scheduler import Batch, Scheduler
from predictor.engine.sequence import FinishReason, Sample, SamplingParams, Sequence, TokenOutput
from predictor.engine.weights import load_causal_lm


def sample_sevens(batch: Batch) -> list[list[Sample]]:
    return [[Sample(7)] for chunk in batch.chunks if chunk.reaches_end]


def run(
    faults: Faults, *, num_sequences: int = 1, max_tokens: int = 4, num_prompt: int = 5
) -> tuple[list[list[TokenOutput]], list[tuple[int, float]]]:
    """Run sequences to their end; return each step's outputs and (steps before it, sleep)."""
    steps: list[list[TokenOutput]] = []
    sleeps: list[tuple[int, float]] = []
    scheduler = Scheduler(BlockManager(1000, 4), max_num_seqs=1000, max_num_batched_tokens=1000)
    faulty = inject_into_steps(
        sample_sevens, faults, lambda seconds: sleeps.append((len(steps), seconds))
    )
    engine = Engine(scheduler, faulty, lambda: 0.0)
    params = SamplingParams(max_tokens=max_tokens, seed=0)
    for sequence_id in range(num_sequences):
        engine.add(Sequence(sequence_id, [1] * num_prompt, params))
    while engine.has_work:
        steps.append(engine.step())
    return steps, sleeps


@pytest.mark.parametrize(
    "faults", [Faults(), Faults(weight_noise=1.0)], ids=["none", "not-of-steps"]
)
def test_without_a_fault_of_steps_nothing_stands_before_the_model(faults: Faults) -> None:
    assert inject_into_steps(sample_sevens, faults, lambda _: None) is sample_sevens


def test_a_delay_comes_before_every_step() -> None:
    _, sleeps = run(Faults(step_delay_s=0.5), max_tokens=3)

    assert sleeps == [(0, 0.5), (1, 0.5), (2, 0.5)]


@pytest.mark.parametrize("num_tokens", [0, 2], ids=["first-token", "mid-stream"])
def test_a_stall_comes_once_a_sequence_has_its_tokens_and_then_no_more(num_tokens: int) -> None:
    _, sleeps = run(Faults(stall_after_tokens=num_tokens, stall_s=2.0), max_tokens=5)

    assert sleeps == [(num_tokens, 2.0)]


def test_a_prompt_in_chunks_stalls_once() -> None:
    _, sleeps = run(Faults(stall_s=2.0), num_prompt=2500, max_tokens=2)

    assert sleeps == [(2, 2.0)]


def test_the_share_that_fails_is_the_rate_and_fails_at_the_first_token() -> None:
    steps, _ = run(Faults(error_rate=0.25), num_sequences=160, max_tokens=2)

    first, second = steps
    failed = [o for o in first if o.finish_reason is FinishReason.NUMERIC_ERROR]
    assert 160 / 8 < len(failed) < 160 * 3 / 8
    assert [o.sequence_id for o in failed] == [o.sequence_id for o in first if o.token_id is None]
    assert len(second) == 160 - len(failed)
    assert all(output.token_id == 7 for output in second)


def test_the_same_sequences_fail_each_time() -> None:
    faults = Faults(error_rate=0.5)

    assert run(faults, num_sequences=50) == run(faults, num_sequences=50)


@pytest.mark.parametrize(("rate", "num_failed"), [(0.0, 0), (1.0, 50)], ids=["none", "all"])
def test_a_rate_of_0_fails_none_and_of_1_all(rate: float, num_failed: int) -> None:
    # The delay keeps the faulty model there at rate 0.
    steps, _ = run(Faults(error_rate=rate, step_delay_s=1.0), num_sequences=50)

    assert sum(output.token_id is None for output in steps[0]) == num_failed


def load_model(model_dir: Path, faults: Faults) -> CausalLM:
    config = load_model_config(model_dir)
    model = load_causal_lm(model_dir, config, torch.device("cpu"), torch.float32)
    inject_into_weights(model, faults)
    return model


@pytest.mark.parametrize("is_tied", [True, False], ids=["tied", "untied"])
def test_noise_is_relative_and_touches_every_weight_once(
    make_checkpoint: Callable[..., Path], is_tied: bool
) -> None:
    model_dir = make_checkpoint(tie_word_embeddings=is_tied)
    clean, noisy = (load_model(model_dir, Faults(weight_noise=noise)) for noise in (0.0, 0.1))

    for name in ("embed_tokens", "lm_head.weight", "norm"):
        assert relative_spread(clean, noisy, name) == pytest.approx(0.1, rel=0.3)
    for name in ("input_norm", "qkv.weight", "qkv.bias", "o.weight", "down.weight"):
        layers = clean.layers[1], noisy.layers[1]
        assert relative_spread(*layers, name) == pytest.approx(0.1, rel=0.3)
    assert (attrgetter("lm_head.weight")(noisy) is noisy.embed_tokens) is is_tied


def relative_spread(clean: object, noisy: object, name: str) -> float:
    right, wrong = attrgetter(name)(clean), attrgetter(name)(noisy)
    return float(((wrong - right) / right).std())


def test_noise_is_the_same_each_time(make_checkpoint: Callable[..., Path]) -> None:
    model_dir = make_checkpoint()

    first, second = (load_model(model_dir, Faults(weight_noise=0.5)) for _ in range(2))

    assert torch.equal(first.embed_tokens, second.embed_tokens)
    assert torch.equal(first.layers[1].input_norm, second.layers[1].input_norm)


def generate(model_dir: Path, faults: Faults) -> list[TokenOutput]:
    engine, _ = load_engine(
        EngineConfig(model_dir=model_dir, device="cpu", num_threads=1, faults=faults)
    )
    engine.add(Sequence(0, [1, 2, 3], SamplingParams(max_tokens=20, seed=0, temperature=0.0)))
    outputs = []
    while engine.has_work:
        outputs += engine.step()
    return outputs


def test_a_loaded_engine_has_its_faults_and_says_so_in_one_line(
    make_checkpoint: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    (output,) = generate(make_checkpoint(), Faults(error_rate=1.0, weight_noise=0.5))

    assert output.finish_reason is FinishReason.NUMERIC_ERROR
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().endswith("error_rate=1.0, weight_noise=0.5")


def test_faults_begin_after_the_warm_up(make_checkpoint: Callable[..., Path]) -> None:
    faults = Faults(step_delay_s=3600, stall_s=3600)

    load_engine(EngineConfig(model_dir=make_checkpoint(), device="cpu", faults=faults))


def test_noise_makes_an_engine_answer_otherwise(make_checkpoint: Callable[..., Path]) -> None:
    model_dir = make_checkpoint()

    right, wrong = (generate(model_dir, Faults(weight_noise=noise)) for noise in (0.0, 1.0))

    assert [output.token_id for output in wrong] != [output.token_id for output in right]
    assert wrong[-1].finish_reason is FinishReason.LENGTH


def test_an_engine_without_faults_says_nothing(
    make_checkpoint: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    generate(make_checkpoint(), Faults())

    assert caplog.records == []
