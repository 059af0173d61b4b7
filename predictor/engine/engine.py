"""The engine: add and abort sequences, step the model; no thread, no I/O."""

from collections.abc import Callable

from predictor.engine.scheduler import Batch, Chunk, Scheduler
from predictor.engine.sequence import FinishReason, Sample, Sequence, TokenOutput

RunBatch = Callable[[Batch], list[list[Sample]]]


class Engine:
    """Runs every added sequence to its end, many at a time.

    ``run`` computes a batch and returns, for each chunk that reaches its sequence's end, the sample
    that comes next and those that a draft foresaw. ``clock`` is monotonic, in seconds.
    """

    def __init__(self, scheduler: Scheduler, run: RunBatch, clock: Callable[[], float]) -> None:
        self.scheduler = scheduler
        self._run = run
        self._clock = clock
        self._sequences: dict[int, Sequence] = {}

    @property
    def has_work(self) -> bool:
        return self.scheduler.has_work

    def add(self, sequence: Sequence) -> None:
        assert sequence.id not in self._sequences
        self._sequences[sequence.id] = sequence
        sequence.arrived_s = self._clock()
        self.scheduler.add(sequence)

    def abort(self, sequence_id: int) -> None:
        """Forget a sequence and free its blocks; one that has already ended is no error."""
        sequence = self._sequences.pop(sequence_id, None)
        if sequence is not None:
            self.scheduler.finish(sequence)

    def step(self) -> list[TokenOutput]:
        """Run one batch and return the tokens it sampled."""
        batch = self.scheduler.schedule()
        self._note_queue_times(batch)
        results = iter(self._run(batch))
        outputs: list[TokenOutput] = []
        for chunk in batch.chunks:
            if chunk.reaches_end:
                outputs += self._append(chunk, next(results))
            else:
                self.scheduler.blocks.advance(chunk.sequence, chunk.num_tokens)
        return outputs

    def _note_queue_times(self, batch: Batch) -> None:
        # One preempted comes back among the prefills too, but its wait is over already.
        admitted = [c.sequence for c in batch.prefills if c.sequence.queue_time_s is None]
        now_s = self._clock()
        for sequence in admitted:
            sequence.queue_time_s = now_s - sequence.arrived_s

    def _append(self, chunk: Chunk, samples: list[Sample]) -> list[TokenOutput]:
        """Take the samples up to the one that ends the sequence, and note what is computed."""
        sequence = chunk.sequence
        outputs: list[TokenOutput] = []
        for sample in samples:
            outputs.append(_output(sequence, sample))
            if outputs[-1].finish_reason is not None:
                break
        if outputs[-1].token_id is None:
            self.scheduler.blocks.uncache(sequence)
        else:
            self.scheduler.blocks.advance(sequence, chunk.num_tokens + len(outputs) - 1)
        if chunk.draft and self.scheduler.lookup is not None:
            self.scheduler.lookup.note(sequence, chunk.draft, len(outputs) - 1)
        if outputs[-1].finish_reason is not None:
            self.abort(sequence.id)
        return outputs


def _output(sequence: Sequence, sample: Sample) -> TokenOutput:
    """Append the sample to its sequence."""
    queue_time_s = None if sequence.num_output_tokens else sequence.queue_time_s
    if sample.token_id is None:
        reason = FinishReason.NUMERIC_ERROR
        return TokenOutput(sequence.id, None, reason, queue_time_s=queue_time_s)
    finish_reason = sequence.append(sample.token_id)
    return TokenOutput(sequence.id, sample.token_id, finish_reason, sample.logprobs, queue_time_s)
