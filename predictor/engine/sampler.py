"""Logits -> samples, each row by its own sequence's parameters.

A row's randomness is one uniform number, a hash of its seed and of the position it samples, put
through the inverse of the row's cumulative distribution: neither neighbours nor preemption change
what a sequence draws.
"""

import math
from collections.abc import Iterable

import torch

from predictor.engine.sequence import Sample, SamplingParams, Sequence, TokenLogprobs

MASK_64 = 2**64 - 1


def sample(
    logits: torch.Tensor, sequences: list[Sequence], positions: list[int] | None = None
) -> list[Sample]:
    """Sample one token for each row of ``logits``, float32 [num_rows, vocab_size].

    A row's token is for its position in its sequence; without positions, for the next one.
    """
    if positions is None:
        positions = [sequence.num_tokens for sequence in sequences]
    is_finite = torch.isfinite(logits.sum(dim=-1))
    if not is_finite.all():
        logits = logits.where(is_finite.unsqueeze(-1), 0.0)
    token_ids = _choose(_adjust(logits, sequences), sequences, positions)
    logprobs = _logprobs(logits, sequences, token_ids)
    return [
        Sample(token_id, logprobs.get(row)) if is_row_finite else Sample(None)
        for row, (token_id, is_row_finite) in enumerate(
            zip(token_ids, is_finite.tolist(), strict=True)
        )
    ]


def _choose(logits: torch.Tensor, sequences: list[Sequence], positions: list[int]) -> list[int]:
    token_ids = logits.argmax(dim=-1)
    drawn = [row for row, sequence in enumerate(sequences) if sequence.params.temperature > 0]
    if drawn:
        rows = torch.tensor(drawn, device=logits.device)
        numbers = [uniform(sequences[row].params.seed, positions[row]) for row in drawn]
        params = [sequences[row].params for row in drawn]
        token_ids[rows] = _draw(logits[rows], params, numbers)
    forced = [sequence.forced_token_id for sequence in sequences]
    return [
        token_id if forced_id is None else forced_id
        for token_id, forced_id in zip(token_ids.tolist(), forced, strict=True)
    ]


def uniform(seed: int, position: int) -> float:
    """Return a number in [0, 1) that depends on nothing but the two (SplitMix64, Steele 2014)."""
    state = _mix(_mix(seed & MASK_64) + position)
    return (state >> 11) / 2**53


def _mix(value: int) -> int:
    value = (value + 0x9E3779B97F4A7C15) & MASK_64
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK_64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK_64
    return value ^ (value >> 31)


def _adjust(logits: torch.Tensor, sequences: list[Sequence]) -> torch.Tensor:
    """Return the logits after penalties and bans."""
    touched = [
        (row, seq)
        for row, seq in enumerate(sequences)
        if seq.params.has_penalty or seq.banned_token_ids
    ]
    if not touched:
        return logits
    logits = logits.clone()
    for row, sequence in touched:
        if sequence.params.has_penalty:
            _penalize(logits[row], sequence)
        logits[row, list(sequence.banned_token_ids)] = -math.inf
    return logits


def _penalize(row: torch.Tensor, sequence: Sequence) -> None:
    """Apply the penalties in place to ``row`` [vocab_size].

    Repetition divides positive and multiplies negative logits of every token of prompt and output
    (Keskar et al. 2019); presence and frequency subtract, for the output's tokens, once and once
    each time.
    """
    params = sequence.params
    seen = torch.tensor(sorted(set(sequence.token_ids)), device=row.device)
    values = row[seen]
    row[seen] = torch.where(
        values > 0, values / params.repetition_penalty, values * params.repetition_penalty
    )
    if not sequence.output_counts:
        return
    output_ids = torch.tensor(list(sequence.output_counts), device=row.device)
    counts = torch.tensor(list(sequence.output_counts.values()), device=row.device, dtype=row.dtype)
    row[output_ids] -= params.presence_penalty + params.frequency_penalty * counts


def _draw(logits: torch.Tensor, params: list[SamplingParams], numbers: list[float]) -> torch.Tensor:
    """Return a token id for each row, drawn after temperature, top_k, top_p and min_p.

    Each row has a number in [0, 1) that decides.
    """
    logits, token_ids = logits.sort(dim=-1, descending=True, stable=True)
    # float64, so that the cumulative sum of 150,000 probabilities still ends at 1.
    probs = torch.softmax(logits.double() / _column([p.temperature for p in params], logits), -1)
    probs = _filter(probs, params)
    # [num_rows, vocab_size]
    cumulative = probs.cumsum(dim=-1)
    target = _column(numbers, logits) * cumulative[:, -1:]
    index = torch.searchsorted(cumulative, target, right=True)
    # A sum that is not strictly sequential, as on CUDA, may end below its own last element.
    last = (probs > 0).sum(dim=-1, keepdim=True) - 1
    return token_ids.gather(-1, torch.minimum(index, last)).squeeze(-1)


def _filter(probs: torch.Tensor, params: list[SamplingParams]) -> torch.Tensor:
    """Return ``probs``, sorted in descending order, with what the filters cut set to 0.

    top_p keeps the fewest tokens that reach it, of what top_k left (Holtzman et al. 2020); min_p
    cuts below its share of the most probable token (Nguyen et al. 2024).
    """
    vocab_size = probs.shape[-1]
    top_k = _column([p.top_k or vocab_size for p in params], probs)
    probs = probs * (torch.arange(vocab_size, device=probs.device) < top_k)
    probs = probs / probs.sum(dim=-1, keepdim=True)
    before = probs.cumsum(dim=-1) - probs
    top_p = _column([p.top_p for p in params], probs)
    probs = probs * (before < top_p)
    min_p = _column([p.min_p for p in params], probs)
    return probs * (probs >= min_p * probs[:, :1])


def _column(values: Iterable[float], like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(list(values), device=like.device, dtype=torch.float64).unsqueeze(-1)


def _logprobs(
    logits: torch.Tensor, sequences: list[Sequence], token_ids: list[int]
) -> dict[int, TokenLogprobs]:
    """Return the log probabilities of the rows that ask for them."""
    rows = [row for row, s in enumerate(sequences) if s.params.num_logprobs is not None]
    if not rows:
        return {}
    logprobs = torch.log_softmax(logits[rows], dim=-1)
    found = {}
    for row, values in zip(rows, logprobs, strict=True):
        top = values.topk(sequences[row].params.num_logprobs or 0)
        pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
        found[row] = TokenLogprobs(values[token_ids[row]].item(), tuple(pairs))
    return found
