"""Every step is compared with transformers' Qwen2ForCausalLM over the whole sequence at once.

The cache starts full of NaN, so a slot read before it is written shows in the result.
"""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Qwen2ForCausalLM

from predictor.engine.attention import build_attention_metadata
from predictor.engine.causal_lm import CausalLM
from predictor.engine.kv_cache import KVCache
from predictor.engine.model_config import load_model_config
from predictor.engine.weights import load_causal_lm

CPU = torch.device("cpu")
BLOCK_SIZE = 4
NUM_BLOCKS = 40
MakeCheckpoint = Callable[..., Path]
# (prompt, block table, num_computed, num_new)
Chunk = tuple[list[int], list[int], int, int]


def load(model_dir: Path, dtype: torch.dtype = torch.float32) -> CausalLM:
    return load_causal_lm(model_dir, load_model_config(model_dir), CPU, dtype)


def load_reference(model_dir: Path, dtype: torch.dtype = torch.float32) -> Qwen2ForCausalLM:
    return Qwen2ForCausalLM.from_pretrained(model_dir, dtype=dtype).eval()


def make_cache(model: CausalLM) -> KVCache:
    cache = KVCache(
        model.config, num_blocks=NUM_BLOCKS, block_size=BLOCK_SIZE, device=CPU, dtype=model.dtype
    )
    cache.entries.fill_(torch.nan)
    return cache


def make_prompts(*lengths: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(sum(lengths))
    return [torch.randint(300, (length,), generator=generator).tolist() for length in lengths]


def make_tables(num_tables: int) -> list[list[int]]:
    """Deal all blocks out in a random order."""
    order = torch.randperm(NUM_BLOCKS, generator=torch.Generator().manual_seed(3)).tolist()
    return [order[start::num_tables] for start in range(num_tables)]


def run_step(model: CausalLM, cache: KVCache, chunks: list[Chunk]) -> list[torch.Tensor]:
    """Return the logits of each chunk's tokens."""
    spans = [range(computed, computed + num_new) for _, _, computed, num_new in chunks]
    metadata = build_attention_metadata(
        [(computed, num_new, table) for _, table, computed, num_new in chunks], cache
    )
    input_ids = [chunk[0][p] for chunk, span in zip(chunks, spans, strict=True) for p in span]
    positions = [p for span in spans for p in span]
    hidden = model.forward(torch.tensor(input_ids), torch.tensor(positions), metadata, cache)
    return list(model.logits(hidden).split([len(span) for span in spans]))


@torch.inference_mode()
def reference_logits(reference: Qwen2ForCausalLM, prompt: list[int]) -> torch.Tensor:
    return reference(torch.tensor([prompt])).logits[0]


def assert_equal(actual: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def model_dir(make_checkpoint: MakeCheckpoint) -> Path:
    return make_checkpoint()


@pytest.fixture(scope="module")
def model(model_dir: Path) -> CausalLM:
    return load(model_dir)


@pytest.fixture(scope="module")
def reference(model_dir: Path) -> Qwen2ForCausalLM:
    return load_reference(model_dir)


YARN = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 1e4,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({}, id="grouped heads"),
        pytest.param({"num_key_value_heads": 4}, id="a KV head for each head"),
        pytest.param({"num_key_value_heads": 1}, id="one KV head"),
        pytest.param({"head_dim": 32}, id="wide heads"),
        pytest.param({"tie_word_embeddings": True}, id="tied"),
        pytest.param({"dtype": "bfloat16", "max_shard_size": "60KB"}, id="bfloat16 shards"),
        pytest.param({"dtype": "float16", "old_spelling": True}, id="float16, old spelling"),
        pytest.param({"rms_norm_eps": 0.5}, id="large epsilon"),
        pytest.param({"rope_parameters": YARN}, id="yarn"),
        pytest.param({"rope_parameters": YARN, "old_spelling": True}, id="yarn, old spelling"),
        pytest.param({"rope_parameters": LLAMA3}, id="llama3"),
        pytest.param(
            {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}},
            id="linear",
        ),
    ],
)
def test_a_packed_step_equals_transformers(
    make_checkpoint: MakeCheckpoint, overrides: dict[str, Any]
) -> None:
    model_dir = make_checkpoint(**overrides)
    model, reference = load(model_dir), load_reference(model_dir)
    prompts = make_prompts(1, 7, 33)
    chunks = [
        (prompt, table, 0, len(prompt))
        for prompt, table in zip(prompts, make_tables(3), strict=True)
    ]

    logits = run_step(model, make_cache(model), chunks)

    for prompt, actual in zip(prompts, logits, strict=True):
        assert_equal(actual, reference_logits(reference, prompt))


def test_hidden_states_equal_transformers(model: CausalLM, reference: Qwen2ForCausalLM) -> None:
    (prompt,) = make_prompts(9)
    cache = make_cache(model)
    metadata = build_attention_metadata([(0, 9, [2, 0, 1])], cache)

    hidden = model.forward(torch.tensor(prompt), torch.arange(9), metadata, cache)

    with torch.inference_mode():
        expected = reference.model(torch.tensor([prompt])).last_hidden_state[0]
    assert_equal(hidden, expected)


@pytest.mark.parametrize(
    "cuts",
    [cuts for n in range(7) for cuts in itertools.combinations(range(1, 7), n)],
    ids=str,
)
def test_a_prompt_prefilled_in_any_chunks_equals_transformers(
    model: CausalLM, reference: Qwen2ForCausalLM, cuts: tuple[int, ...]
) -> None:
    (prompt,) = make_prompts(7)
    cache = make_cache(model)

    chunks = [
        (prompt, [9, 4], start, end - start) for start, end in itertools.pairwise((0, *cuts, 7))
    ]
    logits = torch.cat([run_step(model, cache, [chunk])[0] for chunk in chunks])

    assert_equal(logits, reference_logits(reference, prompt))


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_long_prompt_cut_anywhere_equals_transformers(
    model: CausalLM, reference: Qwen2ForCausalLM, cut: int
) -> None:
    (prompt,) = make_prompts(30)
    (table,) = make_tables(1)
    cache = make_cache(model)

    first = run_step(model, cache, [(prompt, table, 0, cut)])
    second = run_step(model, cache, [(prompt, table, cut, 30 - cut)])

    assert_equal(torch.cat(first + second), reference_logits(reference, prompt))


def test_decodes_over_scattered_blocks_equal_transformers(
    model: CausalLM, reference: Qwen2ForCausalLM
) -> None:
    lengths = (1, 4, 5, 12, 22)
    prompts = make_prompts(*(length + 6 for length in lengths))
    sequences = list(zip(prompts, make_tables(5), lengths, strict=True))
    cache = make_cache(model)
    run_step(model, cache, [(prompt, table, 0, length) for prompt, table, length in sequences])

    steps = [
        run_step(model, cache, [(prompt, table, n + i, 1) for prompt, table, n in sequences])
        for i in range(6)
    ]

    for (prompt, _, length), logits in zip(sequences, zip(*steps, strict=True), strict=True):
        assert_equal(torch.cat(logits), reference_logits(reference, prompt)[length:])


def test_a_step_of_decodes_and_prompt_chunks_equals_transformers(
    model: CausalLM, reference: Qwen2ForCausalLM
) -> None:
    prompts, tables, cache = make_prompts(6, 18, 25, 11), make_tables(4), make_cache(model)
    computed = [5, 17, 9, 0]
    num_new = [1, 1, 13, 11]
    run_step(model, cache, [(prompts[i], tables[i], 0, computed[i]) for i in range(3)])

    logits = run_step(model, cache, list(zip(prompts, tables, computed, num_new, strict=True)))

    for i in range(4):
        expected = reference_logits(reference, prompts[i])[computed[i] : computed[i] + num_new[i]]
        assert_equal(logits[i], expected)


def test_blocks_of_another_sequence_are_used_again_without_a_trace(
    model: CausalLM, reference: Qwen2ForCausalLM
) -> None:
    old, new = make_prompts(16, 6)
    cache = make_cache(model)
    run_step(model, cache, [(old, [5, 6, 7, 8], 0, 16)])

    run_step(model, cache, [(new, [7, 5], 0, 5)])
    (logits,) = run_step(model, cache, [(new, [7, 5], 5, 1)])

    assert_equal(logits, reference_logits(reference, new)[5:])


def test_a_sequence_alone_and_in_a_batch_has_the_same_logits(model: CausalLM) -> None:
    prompts, tables = make_prompts(6, 30), make_tables(2)
    alone, together = make_cache(model), make_cache(model)
    run_step(model, alone, [(prompts[0], tables[0], 0, 5)])
    run_step(model, together, [(prompts[0], tables[0], 0, 5), (prompts[1], tables[1], 0, 29)])

    (expected,) = run_step(model, alone, [(prompts[0], tables[0], 5, 1)])
    logits = run_step(
        model, together, [(prompts[0], tables[0], 5, 1), (prompts[1], tables[1], 29, 1)]
    )

    assert_equal(logits[0], expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_stays_close_to_float32(model_dir: Path, dtype: torch.dtype) -> None:
    model, reference = load(model_dir, dtype), load_reference(model_dir)
    (prompt,) = make_prompts(20)

    (logits,) = run_step(model, make_cache(model), [(prompt, [1, 5, 9, 2, 0], 0, 20)])

    expected = reference_logits(reference, prompt)
    assert logits.dtype == torch.float32
    assert (logits - expected).abs().max() < 0.03 * expected.abs().max()
