"""Greedy parity with ``generate`` at the exact shape of DeepSeek-R1-Distill-Qwen-1.5B."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import Qwen2ForCausalLM

from predictor.config import DType, EngineConfig
from predictor.engine.loader import load_engine
from predictor.engine.sequence import SamplingParams, Sequence

SHAPE = {
    "vocab_size": 151_936,
    "hidden_size": 1536,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
    "num_key_value_heads": 2,
    "intermediate_size": 8960,
    "max_position_embeddings": 131_072,
    "rope_theta": 10_000.0,
    "bos_token_id": 151_646,
    "eos_token_id": 151_643,
}
MAX_TOKENS = 32
# A bfloat16 keeps 8 bits, so the two best of 151,936 random logits may change places; what is
# chosen must then lie this close to the best, in standard deviations of the logits.
MAX_BF16_GAP = 0.05


@pytest.mark.gpu
@pytest.mark.timeout(600)
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_greedy_output_is_that_of_generate_at_the_real_shape(
    make_checkpoint: Callable[..., Path], dtype: DType
) -> None:
    model_dir = make_checkpoint(dtype=dtype, **SHAPE)
    rng = random.Random(0)
    prompts = [[rng.randrange(150_000) for _ in range(length)] for length in (1, 17, 128, 700)]

    outputs = run_engine(model_dir, dtype, prompts)

    model = Qwen2ForCausalLM.from_pretrained(model_dir, dtype=getattr(torch, dtype)).cuda()
    for prompt_ids, output_ids in zip(prompts, outputs, strict=True):
        if dtype == "float32":
            assert output_ids == generate(model, prompt_ids)
        else:
            assert gap_to_best(model, prompt_ids, output_ids) <= MAX_BF16_GAP


def run_engine(model_dir: Path, dtype: DType, prompts: list[list[int]]) -> list[list[int]]:
    config = EngineConfig(
        model_dir=model_dir, device="cuda", dtype=dtype, max_model_len=2048, max_num_seqs=8
    )
    engine, _ = load_engine(config)
    greedy = SamplingParams(max_tokens=MAX_TOKENS, seed=0, temperature=0.0)
    outputs: list[list[int]] = [[] for _ in prompts]
    for sequence_id, prompt_ids in enumerate(prompts):
        engine.add(Sequence(sequence_id, prompt_ids, greedy))
    while engine.has_work:
        for output in engine.step():
            assert output.token_id is not None
            outputs[output.sequence_id].append(output.token_id)
    del engine
    torch.cuda.empty_cache()
    return outputs


def generate(model: Qwen2ForCausalLM, prompt_ids: list[int]) -> list[int]:
    ids = torch.tensor([prompt_ids], device=model.device)
    output = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=MAX_TOKENS,
        eos_token_id=-1,
        pad_token_id=0,
    )
    output_ids: list[int] = output[0, len(prompt_ids) :].tolist()
    return output_ids


@torch.inference_mode()
def gap_to_best(model: Qwen2ForCausalLM, prompt_ids: list[int], output_ids: list[int]) -> float:
    """Return how far below the model's best logit the worst chosen one lies, teacher-forced."""
    ids = torch.tensor([prompt_ids + output_ids], device=model.device)
    logits = model(ids).logits[0, len(prompt_ids) - 1 : -1].float()  # [MAX_TOKENS, vocab_size]
    chosen = logits.gather(-1, ids[0, len(prompt_ids) :, None])
    gap = (logits.max(-1, keepdim=True).values - chosen) / logits.std(-1, keepdim=True)
    return gap.max().item()
