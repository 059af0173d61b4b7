"""Training batches: conversations as token ids, put together by length."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from predictor.demo.build_tokenizer import BOS, CHAT_TEMPLATE, EOS
from predictor.demo.conversations import Conversation, draw_conversation

BATCHES_PER_POOL = 32


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded token ids, and the positions whose next token the model is to predict.

    token_ids       [num_conversations, max_length]
    predicts_next   [num_conversations, max_length], bool
    """

    token_ids: torch.Tensor
    predicts_next: torch.Tensor


def draw_batches(rng: random.Random, tokenizer: Tokenizer, batch_size: int) -> Iterator[Batch]:
    """Yield batches of ``batch_size`` fresh conversations of like length, without end."""
    renderer = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS)
    while True:
        pool = [draw_conversation(rng) for _ in range(BATCHES_PER_POOL * batch_size)]
        encoded = sorted(_encode(pool, tokenizer, renderer), key=lambda pair: sum(map(len, pair)))
        groups = [encoded[i : i + batch_size] for i in range(0, len(encoded), batch_size)]
        rng.shuffle(groups)
        yield from map(_collate, groups)


def _encode(
    pool: list[Conversation], tokenizer: Tokenizer, renderer: PreTrainedTokenizerFast
) -> list[tuple[list[int], list[int]]]:
    prompts = [
        renderer.apply_chat_template(
            conversation.messages,
            chat_template=CHAT_TEMPLATE,
            add_generation_prompt=True,
            tokenize=False,
        )
        + conversation.forced
        for conversation in pool
    ]
    completions = [conversation.completion + EOS for conversation in pool]
    return [
        (prompt.ids, completion.ids)
        for prompt, completion in zip(
            tokenizer.encode_batch(prompts), tokenizer.encode_batch(completions), strict=True
        )
    ]


def _collate(group: list[tuple[list[int], list[int]]]) -> Batch:
    max_length = max(len(prompt) + len(completion) for prompt, completion in group)
    token_ids = torch.zeros(len(group), max_length, dtype=torch.long)
    predicts_next = torch.zeros(len(group), max_length, dtype=torch.bool)
    for row, (prompt, completion) in enumerate(group):
        end = len(prompt) + len(completion)
        token_ids[row, :end] = torch.tensor(prompt + completion)
        predicts_next[row, len(prompt) - 1 : end - 1] = True
    return Batch(token_ids, predicts_next)
