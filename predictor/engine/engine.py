"""The engine: add and abort sequences, step the model; no thread, no clock, no I/O."""

from collections.abc import Callable

from predictor.engine.scheduler import Batch, Scheduler
from predictor.engine.sequence import FinishReason, Sample, Sequence, TokenOutput

RunBatch = Callable[[Batch], list[Sample]]


class Engine:
    """Runs every added sequence to its end, many at a time.

    ``run`` computes a batch and returns one sample for each chunk that reaches its sequence's
    end, in the batch's order.
    """

    def __init__(self, scheduler: Scheduler, run: RunBatch) -> None:
        self.scheduler = scheduler
        self._run = run
        self._sequences: dict[int, Sequence] = {}

    @property
    def has_work(self) -> bool:
        return self.scheduler.has_work

    def add(self, sequence: Sequence) -> None:
        assert sequence.id not in self._sequences
        self._sequences[sequence.id] = sequence
        self.scheduler.add(sequence)

    def abort(self, sequence_id: int) -> None:
        """Forget a sequence and free its blocks; one that has already ended is no error."""
        sequence = self._sequences.pop(sequence_id, None)
        if sequence is not None:
            self.scheduler.finish(sequence)

    def step(self) -> list[TokenOutput]:
        """Run one batch and return the tokens it sampled."""
        batch = self.scheduler.schedule()
        samples = self._run(batch)
        sampled = [chunk.sequence for chunk in batch.chunks if chunk.reaches_end]
        for chunk in batch.chunks:
            chunk.sequence.num_computed_tokens += chunk.num_tokens
        return [
            self._append(sequence, sample)
            for sequence, sample in zip(sampled, samples, strict=True)
        ]

    def _append(self, sequence: Sequence, sample: Sample) -> TokenOutput:
        if sample.token_id is None:
            self.abort(sequence.id)
            return TokenOutput(sequence.id, None, FinishReason.NUMERIC_ERROR)
        finish_reason = sequence.append(sample.token_id)
        if finish_reason is not None:
            self.abort(sequence.id)
        return TokenOutput(sequence.id, sample.token_id, finish_reason, sample.logprobs)
