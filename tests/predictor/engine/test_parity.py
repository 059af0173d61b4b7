"""The engine's greedy output is transformers' ``generate``, token for token, in fp32."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import Qwen2ForCausalLM

from predictor.config import EngineConfig
from predictor.engine.engine import Engine
from predictor.engine.loader import load_engine
from predictor.engine.sequence import SamplingParams, Sequence, TokenOutput

NUM_PROMPTS = 40
MAX_TOKENS = 24
# Two layers, 16 tokens, 2 KV heads of 16, float32, keys and values.
BLOCK_BYTES = 2 * 16 * 2 * 16 * 4 * 2


@pytest.fixture(scope="module")
def model_dir(make_checkpoint: Callable[..., Path]) -> Path:
    return make_checkpoint(seed=3)


@pytest.fixture(scope="module")
def prompts() -> list[list[int]]:
    rng = random.Random(0)
    lengths = [1, 2, 15, 16, 17, 31, 32, 33, 100, 200]
    lengths += [rng.randint(1, 120) for _ in range(NUM_PROMPTS - len(lengths))]
    return [[rng.randrange(290) for _ in range(length)] for length in lengths]


@pytest.fixture(scope="module")
def expected(model_dir: Path, prompts: list[list[int]]) -> list[list[int]]:
    return greedy(model_dir, prompts)


@pytest.fixture(scope="module")
def alike(prompts: list[list[int]]) -> list[list[int]]:
    """Return prompts that begin alike, up to tokens about the edges of blocks."""
    rng = random.Random(1)
    edges = [length for block in (1, 2, 3, 8) for length in range(16 * block - 1, 16 * block + 2)]
    shared = [prompts[9][:length] for length in edges]
    tails = [[rng.randrange(290) for _ in range(rng.randint(1, 40))] for _ in shared]
    return shared + [start + tail for start, tail in zip(shared, tails, strict=True)]


@pytest.fixture(scope="module")
def expected_alike(model_dir: Path, alike: list[list[int]]) -> list[list[int]]:
    return greedy(model_dir, alike)


def greedy(model_dir: Path, prompts: list[list[int]]) -> list[list[int]]:
    """Return what transformers generates."""
    model = Qwen2ForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    outputs = []
    for prompt_ids in prompts:
        output = model.generate(
            torch.tensor([prompt_ids]),
            attention_mask=torch.ones(1, len(prompt_ids), dtype=torch.int64),
            do_sample=False,
            max_new_tokens=MAX_TOKENS,
            eos_token_id=-1,
            pad_token_id=0,
        )
        outputs.append(output[0, len(prompt_ids) :].tolist())
    return outputs


def make_engine(model_dir: Path, **settings: int) -> Engine:
    config = EngineConfig(
        model_dir=model_dir, device="cpu", dtype="float32", num_threads=1, **settings
    )
    return load_engine(config)[0]


def run(engine: Engine, prompts: list[list[int]], **params: object) -> list[list[TokenOutput]]:
    """Run all prompts together to their end."""
    defaults: dict[str, object] = {"max_tokens": MAX_TOKENS, "seed": 0, "temperature": 0.0}
    settings = SamplingParams(**{**defaults, **params})  # type: ignore[arg-type]
    for sequence_id, prompt_ids in enumerate(prompts):
        engine.add(Sequence(sequence_id, prompt_ids, settings))
    outputs: list[list[TokenOutput]] = [[] for _ in prompts]
    while engine.has_work:
        for output in engine.step():
            outputs[output.sequence_id].append(output)
    assert engine.scheduler.blocks.num_owned == 0
    return outputs


def generate(engine: Engine, prompts: list[list[int]], **params: object) -> list[list[int | None]]:
    return [[o.token_id for o in outputs] for outputs in run(engine, prompts, **params)]


def test_prompts_run_together(
    model_dir: Path, prompts: list[list[int]], expected: list[list[int]]
) -> None:
    assert generate(make_engine(model_dir), prompts) == expected


def test_prompts_run_alone(
    model_dir: Path, prompts: list[list[int]], expected: list[list[int]]
) -> None:
    engine = make_engine(model_dir)

    assert [generate(engine, [prompt_ids])[0] for prompt_ids in prompts] == expected


def test_prompts_computed_in_chunks(
    model_dir: Path, prompts: list[list[int]], expected: list[list[int]]
) -> None:
    engine = make_engine(model_dir, max_num_batched_tokens=13, max_num_seqs=10)

    assert generate(engine, prompts) == expected


def test_prompts_preempted_for_want_of_blocks(
    model_dir: Path, prompts: list[list[int]], expected: list[list[int]]
) -> None:
    # 15 blocks hold the longest prompt and its completion, and nothing more.
    engine = make_engine(model_dir, kv_cache_bytes=15 * BLOCK_BYTES)

    assert generate(engine, prompts) == expected
    assert engine.scheduler.num_preemptions > 0


def test_a_seed_gives_the_same_tokens_whatever_else_runs_and_through_preemption(
    model_dir: Path, prompts: list[list[int]]
) -> None:
    prompts = prompts[10:26]
    roomy = make_engine(model_dir)
    tight = make_engine(model_dir, kv_cache_bytes=12 * BLOCK_BYTES, max_num_batched_tokens=64)
    drawn = {"temperature": 0.8, "top_p": 0.95, "seed": 11}

    alone = [generate(roomy, [prompt_ids], **drawn)[0] for prompt_ids in prompts]

    assert generate(tight, prompts, **drawn) == alone
    assert tight.scheduler.num_preemptions > 0


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="whole"),
        pytest.param({"max_num_batched_tokens": 13, "max_num_seqs": 10}, id="in-chunks"),
        pytest.param({"kv_cache_bytes": 15 * BLOCK_BYTES}, id="preempted-and-evicted"),
    ],
)
def test_prompts_that_begin_alike(
    model_dir: Path,
    alike: list[list[int]],
    expected_alike: list[list[int]],
    settings: dict[str, int],
) -> None:
    engine = make_engine(model_dir, **settings)

    # The second time the first one's blocks are there, as far as they have not been evicted.
    assert [generate(engine, alike) for _ in range(2)] == [expected_alike] * 2
    assert engine.scheduler.num_prefix_hit_tokens > 1000


def test_prompts_that_begin_with_a_generated_text(model_dir: Path, alike: list[list[int]]) -> None:
    engine = make_engine(model_dir)
    turns = [
        prompt_ids + [token for token in output_ids if token is not None] + [7, 8, 9]
        for prompt_ids, output_ids in zip(alike, generate(engine, alike), strict=True)
    ]
    num_hits = engine.scheduler.num_prefix_hit_tokens

    assert generate(engine, turns) == greedy(model_dir, turns)
    # All but the last block of each, which may not have been full.
    num_tokens = sum(len(prompt_ids) for prompt_ids in turns)
    assert engine.scheduler.num_prefix_hit_tokens - num_hits > num_tokens - 20 * len(turns)


def test_logprobs_do_not_depend_on_the_prefix_cache(
    model_dir: Path, alike: list[list[int]]
) -> None:
    cached, plain = make_engine(model_dir), make_engine(model_dir, prefix_cache=False)
    for engine in (cached, plain):
        generate(engine, alike)

    outputs = [run(engine, alike, num_logprobs=0) for engine in (cached, plain)]

    with_cache, without = [[o for s in of_all for o in s] for of_all in outputs]
    assert [o.token_id for o in with_cache] == [o.token_id for o in without]
    assert logprobs(with_cache) == pytest.approx(logprobs(without), abs=1e-4)
    assert cached.scheduler.num_prefix_hit_tokens > 0
    assert plain.scheduler.num_prefix_hit_tokens == 0


def logprobs(outputs: list[TokenOutput]) -> list[float]:
    return [output.logprobs.logprob for output in outputs if output.logprobs is not None]
