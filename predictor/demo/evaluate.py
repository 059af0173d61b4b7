"""Evaluate the embedded model on held-out problems: ``python -m predictor.demo.evaluate``."""

import argparse
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

from predictor.demo.arithmetic import Problem, draw_held_out

MAX_NEW_TOKENS = 128
BATCH_SIZE = 100


def complete(
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    questions: list[str],
    *,
    do_sample: bool,
) -> list[str]:
    """Return one completion a question, reasoning included, without the end token.

    Greedy, or sampled as generation_config.json says from torch's global generator.
    """
    conversations = [[{"role": "user", "content": question}] for question in questions]
    prompts = tokenizer.apply_chat_template(
        conversations, add_generation_prompt=True, tokenize=False
    )
    inputs = tokenizer(
        prompts,
        add_special_tokens=False,
        padding=True,
        padding_side="left",
        return_tensors="pt",
        return_token_type_ids=False,
    )
    # top_k is said because transformers fills in 50 where the checkpoint names none.
    sampling = {"do_sample": True, "top_k": 0} if do_sample else {"do_sample": False}
    sequences = model.generate(
        **inputs,
        **sampling,
        max_new_tokens=MAX_NEW_TOKENS,
        pad_token_id=tokenizer.pad_token_id,
    )
    completions = sequences[:, inputs["input_ids"].shape[1] :]
    return [str(text) for text in tokenizer.batch_decode(completions, skip_special_tokens=True)]


def wrong_answers(
    model: Qwen2ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    problems: list[Problem],
    *,
    do_sample: bool,
) -> list[tuple[Problem, str]]:
    """Return the problems answered wrongly, each with the completion."""
    wrong = []
    for start in range(0, len(problems), BATCH_SIZE):
        batch = problems[start : start + BATCH_SIZE]
        questions = [problem.question for problem in batch]
        completions = complete(model, tokenizer, questions, do_sample=do_sample)
        wrong += [
            (problem, completion)
            for problem, completion in zip(batch, completions, strict=True)
            if completion.partition("</think>\n\n")[2] != problem.answer
        ]
    return wrong


def main() -> None:
    """Print the share of right answers, and every wrong one, greedy and sampled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path(__file__).parent)
    parser.add_argument("--num-problems", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(options.model)
    model = Qwen2ForCausalLM.from_pretrained(options.model, dtype=options.dtype)
    problems = draw_held_out(options.num_problems, options.seed)
    for do_sample in (False, True):
        wrong = wrong_answers(model, tokenizer, problems, do_sample=do_sample)
        for problem, completion in wrong:
            print(f"{problem.question!r} is {problem.answer}, answered {completion!r}")
        share = 1 - len(wrong) / len(problems)
        print(f"{'sampled' if do_sample else 'greedy'}: {share:.2%} of {len(problems)} right")


if __name__ == "__main__":
    main()
