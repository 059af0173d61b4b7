"""Prompt lookup gives the same tokens as no lookup, in fewer steps where text repeats itself."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictor.config import DEMO_MODEL_DIR, EngineConfig
from predictor.engine.block_manager import BlockManager
from predictor.engine.engine import Engine
from predictor.engine.faults import Faults
from predictor.engine.loader import load_engine
from predictor.engine.scheduler import Batch, Scheduler
from predictor.engine.sequence import (
    FinishReason,
    Sample,
    SamplingParams,
    Sequence,
    ThinkingBudget,
    TokenOutput,
)
from predictor.engine.speculation import MAX_PAUSE, MAX_ROWS, PromptLookup, keep_accepted

BLOCK_SIZE = 4
CLOSE_ID = 9


def make_sequence(*token_ids: int, **params: object) -> Sequence:
    settings_: dict[str, object] = {"max_tokens": 100, "seed": 0, **params}
    return Sequence(0, list(token_ids), SamplingParams(**settings_))  # type: ignore[arg-type]


def samples(*token_ids: int | None) -> list[Sample]:
    return [Sample(token_id) for token_id in token_ids]


@pytest.mark.parametrize(
    ("token_ids", "draft"),
    [
        pytest.param((1, 2, 3, 4, 5, 1, 2, 3), (4, 5, 1), id="three-tokens-back"),
        pytest.param((2, 3, 4, 5, 9, 2, 3), (4, 5, 9), id="two-tokens-back"),
        pytest.param((1, 2, 3, 7, 8, 2, 3, 6, 1, 2, 3), (7, 8, 2), id="the-longer-match-first"),
        pytest.param((2, 3, 7, 2, 3, 8, 2, 3), (8, 2, 3), id="the-latest-match"),
        pytest.param((4, 4, 4), (4,), id="up-to-the-end"),
        pytest.param((1, 2, 3, 4, 3, 5), (), id="nothing-alike"),
        pytest.param((1,), (), id="one-token"),
    ],
)
def test_a_draft_is_what_stood_behind_the_same_tokens(
    token_ids: tuple[int, ...], draft: tuple[int, ...]
) -> None:
    assert PromptLookup().propose(make_sequence(*token_ids), 3) == draft


def test_tokens_that_have_come_since_are_looked_up_too() -> None:
    lookup, sequence = PromptLookup(), make_sequence(1, 2, 3)
    lookup.propose(sequence, 3)
    for token_id in (4, 1, 2):
        sequence.append(token_id)

    assert lookup.propose(sequence, 2) == (3, 4)


@pytest.mark.parametrize(
    ("params", "num_tokens"),
    [
        pytest.param({"max_tokens": 3}, 2, id="max_tokens"),
        pytest.param({"repetition_penalty": 1.1}, 0, id="penalty"),
        pytest.param({"min_tokens": 1, "eos_token_ids": (7,)}, 0, id="banned-end"),
        pytest.param({"thinking": ThinkingBudget(2, CLOSE_ID)}, 1, id="reasoning-budget"),
    ],
)
def test_nothing_is_drafted_that_another_rule_may_sample(
    params: dict[str, object], num_tokens: int
) -> None:
    sequence = make_sequence(1, 2, 3, 4, 5, 1, 2, 3, **params)

    assert len(PromptLookup().propose(sequence, 3)) == num_tokens


def test_wrong_drafts_come_ever_more_rarely_and_a_right_one_makes_them_come_again() -> None:
    lookup, sequence = PromptLookup(), make_sequence(1, 2, 3, 1, 2)

    def pause() -> int:
        for num_steps in range(MAX_PAUSE + 1):
            if draft := lookup.propose(sequence, 1):
                lookup.note(sequence, draft, 0)
                return num_steps
        raise AssertionError

    pauses = [pause() for _ in range(9)]
    for _ in range(MAX_PAUSE):
        lookup.propose(sequence, 1)
    lookup.note(sequence, lookup.propose(sequence, 1), 1)

    assert pauses == [0, 1, 2, 4, 8, 16, 32, MAX_PAUSE, MAX_PAUSE]
    assert lookup.propose(sequence, 1) == (3,)
    assert (lookup.num_draft_tokens, lookup.num_accepted_tokens) == (10, 1)


@pytest.mark.parametrize(
    ("sampled", "kept"),
    [
        pytest.param((5, 6, 7), (5, 6, 7), id="all"),
        pytest.param((5, 8, 7), (5, 8), id="the-first"),
        pytest.param((8, 6, 7), (8,), id="none"),
        pytest.param((5, None, 7), (5, None), id="not-finite"),
    ],
)
def test_samples_are_kept_up_to_the_first_that_differs(
    sampled: tuple[int | None, ...], kept: tuple[int | None, ...]
) -> None:
    assert keep_accepted((5, 6), samples(*sampled)) == samples(*kept)


@dataclass
class FakeRunner:
    """Computes few different tokens from all before, so that some drafts are right and some not."""

    batches: list[Batch] = field(default_factory=list)

    def run(self, batch: Batch) -> list[list[Sample]]:
        self.batches.append(batch)
        for chunk in batch.chunks:
            end = chunk.sequence.num_computed_tokens + chunk.num_tokens + len(chunk.draft)
            assert end <= len(chunk.sequence.block_table) * BLOCK_SIZE
        return [
            keep_accepted(
                chunk.draft,
                [
                    Sample(next_token([*chunk.sequence.token_ids, *chunk.draft[:num]]))
                    for num in range(len(chunk.draft) + 1)
                ],
            )
            for chunk in batch.chunks
            if chunk.reaches_end
        ]


def next_token(token_ids: list[int]) -> int:
    return hash((len(token_ids) // 7, *token_ids[-2:])) % 3


def run(
    lookup: PromptLookup | None, requests: list[tuple[int, int]], num_blocks: int
) -> tuple[list[list[TokenOutput]], list[Batch]]:
    """Run requests of (prompt tokens, max_tokens) together to their end."""
    scheduler = Scheduler(
        BlockManager(num_blocks, BLOCK_SIZE),
        max_num_seqs=4,
        max_num_batched_tokens=16,
        lookup=lookup,
    )
    runner = FakeRunner()
    engine = Engine(scheduler, runner.run, lambda: 0.0)
    for sequence_id, (num_prompt, max_tokens) in enumerate(requests):
        params = SamplingParams(max_tokens=max_tokens, seed=0, stop_token_ids=(2,), min_tokens=3)
        engine.add(Sequence(sequence_id, [n % 3 for n in range(num_prompt)], params))
    outputs: list[list[TokenOutput]] = [[] for _ in requests]
    while engine.has_work:
        for output in engine.step():
            outputs[output.sequence_id].append(output)
    assert scheduler.blocks.num_owned == 0
    return outputs, runner.batches


@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(1, 30)), min_size=1, max_size=5),
    st.integers(13, 40),
)
@settings(max_examples=200)
def test_every_request_has_the_tokens_that_it_has_without_lookup(
    requests: list[tuple[int, int]], num_blocks: int
) -> None:
    expected, _ = run(None, requests, num_blocks)
    outputs, batches = run(PromptLookup(), requests, num_blocks)

    assert outputs == expected
    for batch in batches:
        if any(chunk.draft for chunk in batch.chunks):
            assert sum(1 + len(chunk.draft) for chunk in batch.chunks) <= MAX_ROWS
            assert not batch.prefills


def generate(engine: Engine, **params: object) -> tuple[list[TokenOutput], int]:
    """Return the outputs of a prompt that repeats itself, and how many steps they took."""
    engine.add(make_sequence(*[30, 31, 32, 33] * 6, ignore_eos=True, num_logprobs=2, **params))
    outputs: list[TokenOutput] = []
    num_steps = 0
    while engine.has_work:
        outputs += engine.step()
        num_steps += 1
    return outputs, num_steps


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({"temperature": 0.0}, id="greedy"),
        pytest.param({"temperature": 0.7, "top_p": 0.95, "seed": 3}, id="sampled"),
        pytest.param({"temperature": 0.0, "stop_token_ids": (33,)}, id="stopped"),
        pytest.param({"temperature": 0.0, "thinking": ThinkingBudget(9, CLOSE_ID)}, id="budget"),
    ],
)
def test_the_model_s_tokens_and_logprobs_are_those_without_lookup_to_the_bit(
    params: dict[str, object],
) -> None:
    results = []
    for prompt_lookup in (True, False):
        config = EngineConfig(
            model_dir=DEMO_MODEL_DIR, device="cpu", num_threads=1, prompt_lookup=prompt_lookup
        )
        results.append(generate(load_engine(config)[0], max_tokens=60, **params))

    (with_lookup, num_steps), (without, num_steps_without) = results
    assert [(o.token_id, o.finish_reason, o.logprobs) for o in with_lookup] == [
        (o.token_id, o.finish_reason, o.logprobs) for o in without
    ]
    assert num_steps < num_steps_without
    assert without[-1].finish_reason in (FinishReason.LENGTH, FinishReason.STOP_TOKEN)


@pytest.mark.parametrize(
    ("settings_", "has_lookup"),
    [
        pytest.param({}, True, id="by-default"),
        pytest.param({"prompt_lookup": False}, False, id="off"),
        pytest.param({"faults": Faults(step_delay_s=3600)}, False, id="slow-steps"),
        pytest.param({"faults": Faults(stall_s=3600)}, False, id="stall"),
    ],
)
def test_it_is_off_by_its_flag_and_where_a_fault_counts_on_a_token_a_step(
    settings_: dict[str, Any], has_lookup: bool
) -> None:
    config = EngineConfig(model_dir=DEMO_MODEL_DIR, device="cpu", num_threads=1, **settings_)

    engine, _ = load_engine(config)

    assert (engine.scheduler.lookup is not None) is has_lookup
