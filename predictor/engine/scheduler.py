"""What runs in the next step: first come, first served, within tokens, sequences and blocks."""

from collections import deque
from dataclasses import dataclass

from predictor.engine.block_manager import BlockManager
from predictor.engine.sequence import Sequence
from predictor.engine.speculation import MAX_ROWS, PromptLookup


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next ``num_tokens`` tokens of a sequence that are not in the KV cache yet.

    A decode may have a draft of the tokens behind it, which are computed with it.
    """

    sequence: Sequence
    num_tokens: int
    draft: tuple[int, ...] = ()

    @property
    def reaches_end(self) -> bool:
        """Whether the sequence's next token can be sampled after this chunk."""
        return self.num_tokens == self.sequence.num_uncomputed_tokens


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step computes: the decodes (one token each, and drafts), then chunks of prompts."""

    decodes: list[Chunk]
    prefills: list[Chunk]

    @property
    def chunks(self) -> list[Chunk]:
        return self.decodes + self.prefills


class Scheduler:
    """Keeps every sequence in ``waiting`` or ``running``, both in the order of arrival.

    A waiting sequence joins when the blocks of all its tokens are free or there to share, and is
    computed from the end of what it shares. One preempted for want of blocks goes back to the front
    of ``waiting`` and joins as any other. The oldest is never preempted for another and any single
    sequence fits the cache, so nothing starves.
    """

    def __init__(
        self,
        blocks: BlockManager,
        *,
        max_num_seqs: int,
        max_num_batched_tokens: int,
        lookup: PromptLookup | None = None,
    ) -> None:
        assert max_num_batched_tokens >= max_num_seqs
        self.blocks = blocks
        self.lookup = lookup
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self.num_preemptions = 0
        self.num_prefix_hit_tokens = 0
        self._max_num_seqs = max_num_seqs
        self._max_num_batched_tokens = max_num_batched_tokens

    @property
    def has_work(self) -> bool:
        return bool(self.waiting or self.running)

    def add(self, sequence: Sequence) -> None:
        self.waiting.append(sequence)

    def finish(self, sequence: Sequence) -> None:
        """Forget a sequence, waiting or running, and free its blocks."""
        if sequence in self.running:
            self.running.remove(sequence)
        else:
            self.waiting.remove(sequence)
        self.blocks.free(sequence)
        if self.lookup is not None:
            self.lookup.forget(sequence)

    def schedule(self) -> Batch:
        """Return the next batch with the blocks for it allocated; empty only without work.

        Decodes come first, so that a long prompt delays a running stream by no more than the
        token budget; then running prompts; then waiting ones.
        """
        decodes = self._schedule_decodes()
        budget = self._max_num_batched_tokens - len(decodes)
        prefills = self._schedule_running_prompts(budget)
        budget -= sum(chunk.num_tokens for chunk in prefills)
        prefills += self._admit(budget)
        if decodes and not prefills and self.lookup is not None:
            decodes = self._propose(decodes, self.lookup)
        return Batch(decodes, prefills)

    def _schedule_decodes(self) -> list[Chunk]:
        decodes = []
        for sequence in list(self.running):
            if sequence.num_uncomputed_tokens > 1 or not self._make_room(sequence):
                continue
            self.blocks.allocate(sequence, sequence.num_tokens)
            decodes.append(Chunk(sequence, 1))
        return decodes

    def _propose(self, decodes: list[Chunk], lookup: PromptLookup) -> list[Chunk]:
        """Let drafts have the rows and blocks that nobody needs."""
        num_rows = min(MAX_ROWS, self._max_num_batched_tokens)
        share = num_rows // len(decodes) - 1
        return [self._with_draft(chunk.sequence, share, lookup) for chunk in decodes]

    def _with_draft(self, sequence: Sequence, num_tokens: int, lookup: PromptLookup) -> Chunk:
        draft = lookup.propose(sequence, num_tokens)
        if not self.blocks.can_allocate(sequence, sequence.num_tokens + len(draft)):
            return Chunk(sequence, 1)
        self.blocks.allocate(sequence, sequence.num_tokens + len(draft))
        return Chunk(sequence, 1, draft)

    def _make_room(self, sequence: Sequence) -> bool:
        """Preempt from the youngest on until the sequence can grow, or is preempted itself."""
        while sequence in self.running:
            if self.blocks.can_allocate(sequence, sequence.num_tokens):
                return True
            self._preempt(self.running[-1])
        return False

    def _preempt(self, sequence: Sequence) -> None:
        self.running.remove(sequence)
        self.blocks.free(sequence)
        self.waiting.appendleft(sequence)
        self.num_preemptions += 1

    def _schedule_running_prompts(self, budget: int) -> list[Chunk]:
        prefills = []
        for sequence in self.running:
            num_tokens = min(sequence.num_uncomputed_tokens, budget)
            if sequence.num_uncomputed_tokens > 1 and num_tokens > 0:
                prefills.append(Chunk(sequence, num_tokens))
                budget -= num_tokens
        return prefills

    def _admit(self, budget: int) -> list[Chunk]:
        prefills = []
        while self.waiting and budget > 0 and len(self.running) < self._max_num_seqs:
            sequence = self.waiting[0]
            prefix = self.blocks.find_prefix(sequence)
            num_needed = self.blocks.num_missing(sequence, sequence.num_tokens)
            num_needed -= self.blocks.num_shared(prefix)
            # A free block for each running sequence to grow into, or the newcomer would be
            # preempted as soon as they do.
            if num_needed + len(self.running) > self.blocks.num_free:
                break
            self.running.append(self.waiting.popleft())
            self.blocks.share(sequence, prefix)
            self.blocks.allocate(sequence, sequence.num_tokens)
            # A preempted one that comes back finds what it computed itself.
            if sequence.queue_time_s is None:
                self.num_prefix_hit_tokens += sequence.num_computed_tokens
            prefills.append(Chunk(sequence, min(sequence.num_uncomputed_tokens, budget)))
            budget -= prefills[-1].num_tokens
        return prefills
