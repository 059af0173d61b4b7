"""Scheduler, BlockManager and Engine over a runner that computes tokens from the sequence alone."""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictor.engine.block_manager import BlockManager
from predictor.engine.engine import Engine
from predictor.engine.scheduler import Batch, Scheduler
from predictor.engine.sequence import FinishReason, Sample, SamplingParams, Sequence, TokenOutput

BLOCK_SIZE = 4


def next_token(token_ids: list[int]) -> int:
    """A token that depends on every token before it."""
    return hash(tuple(token_ids)) % 1000


@dataclass
class FakeRunner:
    """Stands for the model: a wrong chunk or block table shows as a wrong token or a failure."""

    batches: list[Batch] = field(default_factory=list)

    def run(self, batch: Batch) -> list[list[Sample]]:
        self.batches.append(batch)
        for chunk in batch.chunks:
            num_slots = len(chunk.sequence.block_table) * BLOCK_SIZE
            assert chunk.num_tokens > 0
            assert chunk.sequence.num_computed_tokens + chunk.num_tokens <= num_slots
        owned = Counter(block for c in batch.chunks for block in c.sequence.block_table)
        assert all(count == 1 for count in owned.values())
        return [
            [Sample(next_token(chunk.sequence.token_ids))]
            for chunk in batch.chunks
            if chunk.reaches_end
        ]


@dataclass
class Rig:
    """An engine, its runner and every token it has given."""

    engine: Engine
    runner: FakeRunner
    scheduler: Scheduler
    tokens: dict[int, list[int]] = field(default_factory=dict)
    finished: list[int] = field(default_factory=list)

    def step(self) -> None:
        for output in self.engine.step():
            assert output.token_id is not None
            self.tokens.setdefault(output.sequence_id, []).append(output.token_id)
            if output.finish_reason is not None:
                self.finished.append(output.sequence_id)
        blocks = self.scheduler.blocks
        owned = sum(len(s.block_table) for s in self.scheduler.running)
        assert blocks.num_free + owned == blocks.num_blocks
        assert all(not s.block_table for s in self.scheduler.waiting)
        arrivals = [s.id for s in (*self.scheduler.running, *self.scheduler.waiting)]
        assert arrivals == sorted(arrivals)

    def run(self) -> None:
        for _ in range(10_000):
            if not self.engine.has_work:
                return
            self.step()
        pytest.fail("the engine does not come to an end")


def make_rig(num_blocks: int = 64, max_num_seqs: int = 8, max_num_batched_tokens: int = 32) -> Rig:
    runner = FakeRunner()
    scheduler = Scheduler(
        BlockManager(num_blocks, BLOCK_SIZE),
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
    )
    return Rig(Engine(scheduler, runner.run, lambda: 0.0), runner, scheduler)


def make_sequence(sequence_id: int, num_prompt_tokens: int = 5, max_tokens: int = 4) -> Sequence:
    rng = random.Random(sequence_id)
    prompt_ids = [rng.randrange(1000) for _ in range(num_prompt_tokens)]
    return Sequence(sequence_id, prompt_ids, SamplingParams(max_tokens=max_tokens, seed=0))


def expected_tokens(sequence: Sequence) -> list[int]:
    token_ids = list(sequence.prompt_ids)
    for _ in range(sequence.params.max_tokens):
        token_ids.append(next_token(token_ids))
    return token_ids[len(sequence.prompt_ids) :]


def test_sequences_run_together_and_give_what_each_gives_alone() -> None:
    rig = make_rig()
    sequences = [make_sequence(i, 3 + i, 2 + i) for i in range(6)]
    for sequence in sequences:
        rig.engine.add(sequence)

    rig.run()

    assert rig.tokens == {s.id: expected_tokens(s) for s in sequences}
    assert max(len(batch.chunks) for batch in rig.runner.batches) == 6


def test_a_new_sequence_joins_while_another_decodes() -> None:
    rig = make_rig()
    rig.engine.add(make_sequence(0, max_tokens=10))
    rig.step()
    rig.engine.add(make_sequence(1, max_tokens=10))

    rig.step()

    assert len(rig.runner.batches[-1].decodes) == 1
    assert len(rig.runner.batches[-1].prefills) == 1


def test_a_long_prompt_is_computed_in_chunks_beside_the_decodes() -> None:
    rig = make_rig(max_num_batched_tokens=8)
    short, long = make_sequence(0, 3, 12), make_sequence(1, 30, 2)
    rig.engine.add(short)
    rig.step()
    rig.engine.add(long)

    rig.run()

    assert all(sum(c.num_tokens for c in b.chunks) <= 8 for b in rig.runner.batches)
    assert rig.finished == [1, 0]
    assert rig.tokens == {0: expected_tokens(short), 1: expected_tokens(long)}


def test_the_youngest_is_preempted_and_still_yields_the_same_tokens() -> None:
    rig = make_rig(num_blocks=8)
    sequences = [make_sequence(i, 7, 20) for i in range(4)]
    for sequence in sequences:
        rig.engine.add(sequence)

    rig.run()

    assert rig.scheduler.num_preemptions > 1
    assert rig.finished[0] == 0
    assert rig.tokens == {s.id: expected_tokens(s) for s in sequences}


def test_no_sequence_overtakes_one_that_waits_for_blocks() -> None:
    rig = make_rig(num_blocks=8)
    rig.engine.add(make_sequence(0, 16, 4))
    rig.engine.add(make_sequence(1, 20, 4))
    rig.engine.add(make_sequence(2, 1, 1))

    rig.step()

    assert [s.id for s in rig.scheduler.running] == [0]
    assert [s.id for s in rig.scheduler.waiting] == [1, 2]


@pytest.mark.parametrize(
    ("params", "tokens", "reason"),
    [
        pytest.param({}, [1, 9], FinishReason.EOS_TOKEN, id="eos"),
        pytest.param({"ignore_eos": True}, [9, 1, 2], FinishReason.LENGTH, id="ignore_eos"),
        pytest.param(
            {"ignore_eos": True, "stop_token_ids": (8,)}, [9, 8], FinishReason.STOP_TOKEN, id="stop"
        ),
        pytest.param({"min_tokens": 2}, [1, 9], FinishReason.EOS_TOKEN, id="min_tokens-reached"),
    ],
)
def test_a_sequence_ends_with_the_token_that_ends_it(
    params: dict[str, Any], tokens: list[int], reason: FinishReason
) -> None:
    settings = SamplingParams(max_tokens=3, seed=0, eos_token_ids=(9,), **params)
    sequence = Sequence(0, [5], settings)

    reasons = [sequence.append(token) for token in tokens]

    assert reasons == [None] * (len(tokens) - 1) + [reason]


def test_no_more_than_max_num_seqs_run_together() -> None:
    rig = make_rig(max_num_seqs=2)
    for i in range(5):
        rig.engine.add(make_sequence(i))

    rig.run()

    assert max(len(batch.chunks) for batch in rig.runner.batches) == 2
    assert sorted(rig.finished) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("num_steps", [0, 1, 3], ids=["waiting", "prefilled", "decoding"])
def test_an_aborted_sequence_frees_its_blocks_at_once(num_steps: int) -> None:
    rig = make_rig()
    rig.engine.add(make_sequence(0, max_tokens=50))
    for _ in range(num_steps):
        rig.step()

    rig.engine.abort(0)

    assert rig.scheduler.blocks.num_owned == 0
    assert not rig.engine.has_work


def test_aborting_an_ended_sequence_is_no_error() -> None:
    rig = make_rig()
    rig.engine.add(make_sequence(0))
    rig.run()

    rig.engine.abort(0)

    assert rig.scheduler.blocks.num_owned == 0


def test_a_sequence_whose_logits_are_not_finite_ends_alone() -> None:
    scheduler = Scheduler(BlockManager(64, BLOCK_SIZE), max_num_seqs=4, max_num_batched_tokens=64)
    engine = Engine(
        scheduler,
        lambda batch: [[Sample(None if c.sequence.id == 1 else 7)] for c in batch.chunks],
        lambda: 0.0,
    )
    engine.add(make_sequence(0, max_tokens=2))
    engine.add(make_sequence(1, max_tokens=2))

    outputs = engine.step()

    assert outputs == [
        TokenOutput(0, 7, queue_time_s=0.0),
        TokenOutput(1, None, FinishReason.NUMERIC_ERROR, queue_time_s=0.0),
    ]
    assert [s.id for s in scheduler.running] == [0]


@settings(max_examples=200)
@given(
    arrivals=st.lists(
        st.tuples(st.integers(0, 5), st.integers(1, 20), st.integers(1, 15), st.booleans()),
        min_size=1,
        max_size=15,
    ),
    num_blocks=st.integers(9, 24),
    max_num_seqs=st.integers(1, 6),
    budget=st.integers(6, 40),
)
def test_any_schedule_with_aborts_and_preemptions_gives_right_tokens_and_all_blocks_back(
    arrivals: list[tuple[int, int, int, bool]], num_blocks: int, max_num_seqs: int, budget: int
) -> None:
    rig = make_rig(num_blocks, max_num_seqs, budget)
    sequences, aborted = [], set()
    for sequence_id, (num_steps, num_prompt, max_tokens, is_aborted) in enumerate(arrivals):
        sequence = make_sequence(sequence_id, num_prompt, max_tokens)
        sequences.append(sequence)
        rig.engine.add(sequence)
        for _ in range(num_steps if rig.engine.has_work else 0):
            if rig.engine.has_work:
                rig.step()
        if is_aborted and sequence_id not in rig.finished:
            rig.engine.abort(sequence_id)
            aborted.add(sequence_id)

    rig.run()

    assert rig.scheduler.blocks.num_owned == 0
    for sequence in sequences:
        expected = expected_tokens(sequence)
        given_tokens = rig.tokens.get(sequence.id, [])
        if sequence.id in aborted:
            assert given_tokens == expected[: len(given_tokens)]
        else:
            assert given_tokens == expected
