"""Engine over a fake model and a clock that tests set: queue times, and what aborts leave."""

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictor.engine.block_manager import BlockManager
from predictor.engine.engine import Engine
from predictor.engine.scheduler import Batch, Scheduler
from predictor.engine.sequence import FinishReason, Sample, SamplingParams, Sequence

BLOCK_SIZE = 4


@dataclass
class Clock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


def sample_sevens(batch: Batch) -> list[list[Sample]]:
    return [[Sample(7)] for chunk in batch.chunks if chunk.reaches_end]


def make_engine(
    clock: Clock, *, num_blocks: int = 64, max_num_seqs: int = 8, budget: int = 32
) -> Engine:
    scheduler = Scheduler(
        BlockManager(num_blocks, BLOCK_SIZE),
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=budget,
    )
    return Engine(scheduler, sample_sevens, clock)


def make_sequence(sequence_id: int, num_prompt: int = 5, max_tokens: int = 4) -> Sequence:
    """One that begins like every third."""
    prompt_ids = [sequence_id % 3] * num_prompt
    return Sequence(sequence_id, prompt_ids, SamplingParams(max_tokens=max_tokens, seed=0))


def queue_times(engine: Engine) -> dict[int, list[float | None]]:
    """Run to the end and return the queue times of each sequence's outputs."""
    times: dict[int, list[float | None]] = {}
    while engine.has_work:
        for output in engine.step():
            times.setdefault(output.sequence_id, []).append(output.queue_time_s)
    return times


def test_the_first_output_tells_how_long_the_sequence_waited_and_no_other_does() -> None:
    clock = Clock(10.0)
    engine = make_engine(clock)
    engine.add(make_sequence(0, max_tokens=3))
    clock.now_s = 12.5

    assert queue_times(engine) == {0: [2.5, None, None]}


def test_a_prompt_in_chunks_waits_until_its_first_chunk() -> None:
    clock = Clock()
    engine = make_engine(clock, budget=8)
    engine.add(make_sequence(0, num_prompt=20, max_tokens=1))
    clock.now_s = 1.0
    engine.step()
    clock.now_s = 5.0

    assert queue_times(engine) == {0: [1.0]}


def test_one_that_has_to_queue_waits_until_another_has_ended() -> None:
    clock = Clock()
    engine = make_engine(clock, max_num_seqs=1)
    engine.add(make_sequence(0, max_tokens=1))
    engine.add(make_sequence(1, max_tokens=1))
    engine.step()
    clock.now_s = 3.0

    assert queue_times(engine) == {1: [3.0]}


def test_a_first_token_that_fails_tells_the_queue_time_too() -> None:
    clock = Clock()
    scheduler = Scheduler(BlockManager(8, BLOCK_SIZE), max_num_seqs=1, max_num_batched_tokens=8)
    engine = Engine(scheduler, lambda batch: [[Sample(None)]], clock)
    engine.add(make_sequence(0))
    clock.now_s = 1.5

    (output,) = engine.step()

    assert (output.finish_reason, output.queue_time_s) == (FinishReason.NUMERIC_ERROR, 1.5)


def test_a_preempted_sequence_keeps_its_first_queue_time() -> None:
    clock = Clock()
    # A token a step for each: the first sequence grows into all blocks before the second, which
    # the fourth step admits, has the whole of its prompt.
    engine = make_engine(clock, num_blocks=7, max_num_seqs=2, budget=2)
    engine.add(make_sequence(0, num_prompt=7, max_tokens=12))
    engine.add(make_sequence(1, num_prompt=14, max_tokens=1))
    for _ in range(4):
        engine.step()
    clock.now_s = 9.0

    assert queue_times(engine)[1] == [0.0]
    assert engine.scheduler.num_preemptions > 0


@settings(max_examples=200)
@given(
    seed=st.integers(0, 2**32),
    num_blocks=st.integers(9, 24),
    max_num_seqs=st.integers(1, 6),
    budget=st.integers(6, 40),
)
def test_whatever_is_aborted_when_owns_nothing_from_then_on(
    seed: int, num_blocks: int, max_num_seqs: int, budget: int
) -> None:
    rng = random.Random(seed)
    engine = make_engine(Clock(), num_blocks=num_blocks, max_num_seqs=max_num_seqs, budget=budget)
    scheduler = engine.scheduler
    added = range(20)
    aborted: set[int] = set()
    for sequence_id in added:
        engine.add(make_sequence(sequence_id, rng.randint(1, 20), rng.randint(1, 15)))
        for _ in range(rng.randint(0, 3)):
            assert aborted.isdisjoint(output.sequence_id for output in engine.step())
        leaving = rng.choices(range(sequence_id + 1), k=rng.randint(0, 2))
        for leaver in leaving:
            engine.abort(leaver)
        aborted.update(leaving)
        held = [*scheduler.running, *scheduler.waiting]
        assert aborted.isdisjoint(sequence.id for sequence in held)
        assert scheduler.blocks.num_owned == len({b for s in held for b in s.block_table})

    for sequence_id in added:
        engine.abort(sequence_id)

    assert scheduler.blocks.num_owned == 0
    assert not engine.has_work
    for sequence_id in added:
        # An id that is still known would be refused.
        engine.add(make_sequence(sequence_id))


def test_an_id_that_is_known_is_not_added_again() -> None:
    engine = make_engine(Clock())
    engine.add(make_sequence(0))

    with pytest.raises(AssertionError):
        engine.add(make_sequence(0))
