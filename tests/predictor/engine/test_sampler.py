"""The sampler against exact distributions."""

import math

import pytest
import torch
from scipy import stats

from predictor.engine.sampler import sample, uniform
from predictor.engine.sequence import SamplingParams, Sequence, ThinkingBudget

LOGITS = torch.tensor([2.0, 1.0, 0.5, 0.0, -1.0, -3.0])
EOS = 5


def make_sequence(*, output_ids: tuple[int, ...] = (), **params: object) -> Sequence:
    defaults: dict[str, object] = {"max_tokens": 100, "seed": 0}
    sequence = Sequence(0, [0, 1], SamplingParams(**{**defaults, **params}))  # type: ignore[arg-type]
    for token_id in output_ids:
        sequence.append(token_id)
    return sequence


def choose(logits: torch.Tensor, sequence: Sequence) -> int | None:
    return sample(logits.unsqueeze(0), [sequence])[0].token_id


def draw_counts(num_draws: int, **params: object) -> list[int]:
    """Count what ``num_draws`` sequences with seeds 0, 1, 2 ... draw."""
    sequences = [make_sequence(seed=seed, **params) for seed in range(num_draws)]
    samples = sample(LOGITS.expand(num_draws, -1), sequences)
    ids = torch.tensor([s.token_id for s in samples])
    return torch.bincount(ids, minlength=len(LOGITS)).tolist()


def filtered(temperature: float, kept: list[int]) -> list[float]:
    probs = torch.softmax(LOGITS.double() / temperature, -1)
    mask = torch.zeros(len(LOGITS), dtype=torch.float64)
    mask[kept] = 1
    return (probs * mask / (probs * mask).sum()).tolist()


@pytest.mark.parametrize(
    ("params", "temperature", "kept"),
    [
        pytest.param({}, 1.0, [0, 1, 2, 3, 4, 5], id="whole"),
        pytest.param({"temperature": 0.6}, 0.6, [0, 1, 2, 3, 4, 5], id="temperature"),
        pytest.param({"top_k": 3}, 1.0, [0, 1, 2], id="top_k"),
        # 0.55, 0.20, 0.12: the third one crosses 0.8.
        pytest.param({"top_p": 0.8}, 1.0, [0, 1, 2], id="top_p"),
        pytest.param({"top_p": 1e-9}, 1.0, [0], id="top_p-keeps-one"),
        # exp(-1.5) = 0.223 and exp(-2) = 0.135 of the most probable.
        pytest.param({"min_p": 0.2}, 1.0, [0, 1, 2], id="min_p"),
        # Of top_k's three, renormalized to 0.63 0.23 0.14, two reach 0.8.
        pytest.param({"top_k": 3, "top_p": 0.8}, 1.0, [0, 1], id="top_p-after-top_k"),
    ],
)
def test_draws_follow_the_exact_filtered_softmax(
    params: dict[str, float], temperature: float, kept: list[int]
) -> None:
    num_draws = 5_000
    expected = filtered(temperature, kept)

    counts = draw_counts(num_draws, **params)

    assert {i for i, count in enumerate(counts) if count} == set(kept)
    observed = [counts[i] for i in kept]
    if len(kept) > 1:
        assert stats.chisquare(observed, [num_draws * expected[i] for i in kept]).pvalue > 0.001


def test_uniform_numbers_are_uniform_over_seeds_and_over_positions() -> None:
    over_seeds = [uniform(seed, 7) for seed in range(20_000)]
    over_positions = [uniform(7, position) for position in range(20_000)]

    assert stats.kstest(over_seeds, "uniform").pvalue > 0.001
    assert stats.kstest(over_positions, "uniform").pvalue > 0.001
    assert abs(stats.pearsonr(over_positions[:-1], over_positions[1:]).statistic) < 0.03


def test_a_row_draws_the_same_whatever_its_neighbours() -> None:
    logits = torch.randn(8, 1000, generator=torch.Generator().manual_seed(0))
    sequences = [make_sequence(seed=i, temperature=0.1 * i, top_k=5 * i) for i in range(8)]

    together = sample(logits, sequences)

    alone = [sample(logits[i : i + 1], [sequences[i]])[0] for i in range(8)]
    assert together == alone


def test_temperature_zero_takes_the_most_probable_token() -> None:
    assert choose(LOGITS, make_sequence(temperature=0.0)) == 0


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        # Token 0 and 1 are the prompt's, 2 was generated twice.
        pytest.param({"repetition_penalty": 2.0}, [1.0, 0.5, 0.25, 0.0, -1.0, -3.0], id="repeat"),
        pytest.param({"presence_penalty": 0.5}, [2.0, 1.0, 0.0, 0.0, -1.0, -3.0], id="presence"),
        pytest.param({"frequency_penalty": 0.5}, [2.0, 1.0, -0.5, 0.0, -1.0, -3.0], id="frequency"),
    ],
)
def test_penalties_shift_the_distribution_as_their_definitions_say(
    params: dict[str, float], expected: list[float]
) -> None:
    num_draws = 5_000
    sequences = [make_sequence(seed=s, output_ids=(2, 2), **params) for s in range(num_draws)]

    samples = sample(LOGITS.expand(num_draws, -1), sequences)

    counts = torch.bincount(torch.tensor([s.token_id for s in samples]), minlength=6)
    probs = torch.softmax(torch.tensor(expected, dtype=torch.float64), -1)
    assert stats.chisquare(counts, probs * num_draws).pvalue > 0.001


def test_repetition_penalty_makes_a_negative_logit_more_negative() -> None:
    logits = torch.tensor([-1.0, -5.0, -1.5])

    assert choose(logits, make_sequence(temperature=0.0, repetition_penalty=2.0)) == 2


def test_no_ending_token_comes_before_min_tokens() -> None:
    logits = torch.tensor([0.0, 0.0, 1.0, 0.0, 8.0, 9.0])
    params = {"temperature": 0.0, "eos_token_ids": (EOS,), "stop_token_ids": (4,), "min_tokens": 2}

    assert choose(logits, make_sequence(**params, output_ids=(1,))) == 2
    assert choose(logits, make_sequence(**params, output_ids=(1, 1))) == EOS


def test_the_end_of_reasoning_is_forced_once_when_its_budget_is_spent() -> None:
    params = {"temperature": 0.0, "thinking": ThinkingBudget(2, close_token_id=3)}

    assert choose(LOGITS, make_sequence(**params, output_ids=(1,))) == 0
    assert choose(LOGITS, make_sequence(**params, output_ids=(1, 1))) == 3
    assert choose(LOGITS, make_sequence(**params, output_ids=(1, 1, 3))) == 0


@pytest.mark.parametrize("temperature", [0.0, 1.0], ids=["greedy", "drawn"])
@pytest.mark.parametrize("bad", [math.nan, math.inf], ids=str)
def test_a_row_that_is_not_finite_is_said_so_and_spares_its_neighbours(
    bad: float, temperature: float
) -> None:
    logits = torch.stack([LOGITS, LOGITS, LOGITS])
    logits[1, 3] = bad
    sequences = [make_sequence(seed=5, temperature=temperature) for _ in range(3)]

    samples = sample(logits, sequences)

    assert samples[1].token_id is None
    assert samples[0] == samples[2] == sample(LOGITS.unsqueeze(0), sequences[:1])[0]


def test_logprobs_are_the_models_own_before_temperature_and_filters() -> None:
    sequence = make_sequence(temperature=0.5, top_k=1, num_logprobs=2)
    exact = torch.log_softmax(LOGITS, -1)

    logprobs = sample(LOGITS.unsqueeze(0), [sequence])[0].logprobs

    assert logprobs is not None
    assert logprobs.logprob == pytest.approx(exact[0].item())
    assert [token_id for token_id, _ in logprobs.top] == [0, 1]
    assert [value for _, value in logprobs.top] == pytest.approx(exact[:2].tolist())


def test_a_row_that_asks_for_no_logprobs_gets_none() -> None:
    sequences = [make_sequence(), make_sequence(num_logprobs=0)]

    samples = sample(LOGITS.expand(2, -1), sequences)

    assert samples[0].logprobs is None
    assert samples[1].logprobs is not None
    assert samples[1].logprobs.top == ()
