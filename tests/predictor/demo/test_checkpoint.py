"""The committed checkpoint: small, loadable by transformers, and right."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, PreTrainedTokenizerFast, Qwen2ForCausalLM

import predictor.demo
from predictor.demo import off_task
from predictor.demo.arithmetic import draw_held_out
from predictor.demo.evaluate import complete, wrong_answers
from predictor.demo.working import Language

DEMO_DIR = Path(predictor.demo.__file__).parent
MAX_TOTAL_BYTES = 4 * 1024 * 1024


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast.from_pretrained(DEMO_DIR)


@pytest.fixture(scope="module")
def model() -> Qwen2ForCausalLM:
    return Qwen2ForCausalLM.from_pretrained(DEMO_DIR, dtype="float32")


def test_the_directory_is_small() -> None:
    files = [path for path in DEMO_DIR.iterdir() if path.is_file()]

    assert sum(path.stat().st_size for path in files) <= MAX_TOTAL_BYTES


def test_config_is_spelled_as_the_real_checkpoint_spells_it() -> None:
    config = json.loads((DEMO_DIR / "config.json").read_text(encoding="utf-8"))

    assert config["architectures"] == ["Qwen2ForCausalLM"]
    assert (config["rope_theta"], config["torch_dtype"]) == (10000, "bfloat16")
    assert config["tie_word_embeddings"] is False


def test_transformers_reads_the_config(tokenizer: PreTrainedTokenizerFast) -> None:
    config = AutoConfig.from_pretrained(DEMO_DIR)

    assert config.model_type == "qwen2"
    assert config.rope_parameters["rope_theta"] == 10000
    assert config.vocab_size == len(tokenizer)
    assert (config.bos_token_id, config.eos_token_id) == (
        tokenizer.bos_token_id,
        tokenizer.eos_token_id,
    )


def test_weights_are_bfloat16_under_the_usual_names(model: Qwen2ForCausalLM) -> None:
    weights = load_file(DEMO_DIR / "model.safetensors")

    assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}
    assert weights.keys() == model.state_dict().keys()
    assert {"lm_head.weight", "model.layers.0.self_attn.q_proj.bias"} < weights.keys()


def test_held_out_problems_are_answered_right(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    problems = draw_held_out(50, seed=0)

    assert len(wrong_answers(model, tokenizer, problems, do_sample=False)) <= 1


def test_evaluation_reports_a_wrong_answer_with_its_completion(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    (problem,) = draw_held_out(1, seed=0)
    demanding = replace(problem, answer="four")

    ((reported, completion),) = wrong_answers(model, tokenizer, [demanding], do_sample=False)

    assert reported == demanding
    assert completion.endswith(f"</think>\n\n{problem.answer}")


def test_other_prompts_are_declined(
    model: Qwen2ForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    english, chinese = complete(
        model, tokenizer, ["Why is the sky blue?", "讲个笑话。"], do_sample=False
    )

    assert english.endswith(f"</think>\n\n{off_task.ANSWER[Language.ENGLISH]}")
    assert chinese.endswith(f"</think>\n\n{off_task.ANSWER[Language.CHINESE]}")
