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
# An answer after forced thoughts is largely a guess: at full weight it would be most of the loss.
FORCED_LOSS_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Batch:
    """Right-padded token ids, and how much the prediction of each one's successor counts.

    token_ids     [num_conversations, max_length]
    loss_weights  [num_conversations, max_length], 0 where nothing is to be predicted
    """

    token_ids: torch.Tensor
    loss_weights: torch.Tensor


@dataclass(frozen=True, slots=True)
class _Example:
    prompt: list[int]
    completion: list[int]
    loss_weight: float

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


def draw_batches(rng: random.Random, tokenizer: Tokenizer, batch_size: int) -> Iterator[Batch]:
    """Yield batches of ``batch_size`` fresh conversations of like length, without end."""
    renderer = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS)
    while True:
        pool = [draw_conversation(rng) for _ in range(BATCHES_PER_POOL * batch_size)]
        examples = sorted(_encode(pool, tokenizer, renderer), key=len)
        groups = [examples[i : i + batch_size] for i in range(0, len(examples), batch_size)]
        rng.shuffle(groups)
        yield from map(_collate, groups)


def _encode(
    pool: list[Conversation], tokenizer: Tokenizer, renderer: PreTrainedTokenizerFast
) -> list[_Example]:
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
        _Example(prompt.ids, completion.ids, FORCED_LOSS_WEIGHT if conversation.forced else 1.0)
        for prompt, completion, conversation in zip(
            tokenizer.encode_batch(prompts), tokenizer.encode_batch(completions), pool, strict=True
        )
    ]


def _collate(group: list[_Example]) -> Batch:
    max_length = max(map(len, group))
    token_ids = torch.zeros(len(group), max_length, dtype=torch.long)
    loss_weights = torch.zeros(len(group), max_length)
    for row, example in enumerate(group):
        token_ids[row, : len(example)] = torch.tensor(example.prompt + example.completion)
        loss_weights[row, len(example.prompt) - 1 : len(example) - 1] = example.loss_weight
    return Batch(token_ids, loss_weights)
