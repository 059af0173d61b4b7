"""A fake model and cache that know what each slot holds, and an engine over them."""

import random
from dataclasses import dataclass, field

import pytest

from predictor.engine.block_manager import BlockManager
from predictor.engine.engine import Engine
from predictor.engine.scheduler import Batch, Scheduler
from predictor.engine.sequence import Sample, SamplingParams, Sequence

BLOCK_SIZE = 4
# Few, so that texts meet by chance too.
NUM_TOKEN_IDS = 3


def next_token(text: tuple[int, ...]) -> int:
    """A token that depends on every token before it."""
    return hash(text) % NUM_TOKEN_IDS


@dataclass
class SlotModel:
    """Stands for model and cache: a slot holds its token and, as keys and values do, all before.

    A read that finds anything else fails, and so does a write to what any sequence still reads.
    """

    scheduler: Scheduler
    # The text that ends in each slot.
    slots: dict[int, tuple[int, ...]] = field(default_factory=dict)
    num_computed: int = 0
    failing: set[int] = field(default_factory=set)

    def run(self, batch: Batch) -> list[list[Sample]]:
        running = self.scheduler.running
        self.check(running)
        read = {slot for s in running for slot in self.slots_of(s, 0, s.num_computed_tokens)}
        written: dict[int, tuple[int, ...]] = {}
        for chunk in batch.chunks:
            sequence, start = chunk.sequence, chunk.sequence.num_computed_tokens
            end = start + chunk.num_tokens
            assert chunk.num_tokens > 0
            for position, slot in enumerate(self.slots_of(sequence, start, end), start):
                assert slot not in written
                written[slot] = tuple(sequence.token_ids[: position + 1])
        assert read.isdisjoint(written)
        self.slots.update(written)
        self.num_computed += len(written)
        return [
            [Sample(None if s.id in self.failing else next_token(tuple(s.token_ids)))]
            for s in (chunk.sequence for chunk in batch.chunks if chunk.reaches_end)
        ]

    def check(self, sequences: list[Sequence]) -> None:
        for sequence in sequences:
            num_computed = sequence.num_computed_tokens
            assert num_computed < sequence.num_tokens
            for position, slot in enumerate(self.slots_of(sequence, 0, num_computed)):
                assert self.slots[slot] == tuple(sequence.token_ids[: position + 1])

    def slots_of(self, sequence: Sequence, start: int, end: int) -> list[int]:
        return [
            sequence.block_table[position // BLOCK_SIZE] * BLOCK_SIZE + position % BLOCK_SIZE
            for position in range(start, end)
        ]


@dataclass
class Rig:
    """An engine over a SlotModel, and every token it has given."""

    engine: Engine
    model: SlotModel
    tokens: dict[int, list[int | None]] = field(default_factory=dict)

    @property
    def scheduler(self) -> Scheduler:
        return self.engine.scheduler

    @property
    def num_hits(self) -> int:
        return self.scheduler.num_prefix_hit_tokens

    def add(self, sequence_id: int, prompt_ids: list[int], max_tokens: int = 1) -> None:
        params = SamplingParams(max_tokens=max_tokens, seed=0)
        self.engine.add(Sequence(sequence_id, prompt_ids, params))

    def step(self) -> None:
        for output in self.engine.step():
            self.tokens.setdefault(output.sequence_id, []).append(output.token_id)
        self.model.check(self.scheduler.running)
        owned = {block for s in self.scheduler.running for block in s.block_table}
        assert self.scheduler.blocks.num_owned == len(owned)
        assert all(not s.block_table for s in self.scheduler.waiting)

    def run(self) -> None:
        for _ in range(10_000):
            if not self.engine.has_work:
                assert self.scheduler.blocks.num_owned == 0
                return
            self.step()
        pytest.fail("the engine does not come to an end")

    def generate(self, sequence_id: int, prompt_ids: list[int], max_tokens: int = 1) -> int:
        """Run one sequence to its end and return how many of its prompt's tokens were found."""
        num_hits = self.num_hits
        self.add(sequence_id, prompt_ids, max_tokens)
        self.run()
        assert self.tokens[sequence_id] == generated(prompt_ids, max_tokens)
        return self.num_hits - num_hits

    def num_found(self, prompt_ids: list[int]) -> int:
        """Return how many of the tokens a prompt would find now."""
        sequence = Sequence(-1, prompt_ids, SamplingParams(max_tokens=1, seed=0))
        return len(self.scheduler.blocks.find_prefix(sequence)) * BLOCK_SIZE


def make_rig(
    num_blocks: int = 64, max_num_seqs: int = 8, budget: int = 256, *, prefix_cache: bool = True
) -> Rig:
    scheduler = Scheduler(
        BlockManager(num_blocks, BLOCK_SIZE, prefix_cache=prefix_cache),
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=budget,
    )
    model = SlotModel(scheduler)
    return Rig(Engine(scheduler, model.run, lambda: 0.0), model)


def text(seed: int, num_tokens: int) -> list[int]:
    """Return a text of which no other seed has a block, from beyond what the model says."""
    rng = random.Random(seed)
    return [rng.randrange(1000, 10**6) for _ in range(num_tokens)]


def generated(prompt_ids: list[int], num_tokens: int) -> list[int]:
    token_ids = list(prompt_ids)
    for _ in range(num_tokens):
        token_ids.append(next_token(tuple(token_ids)))
    return token_ids[len(prompt_ids) :]
