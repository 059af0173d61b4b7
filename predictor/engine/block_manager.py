"""Which sequence owns which block of the KV cache."""

from predictor.engine.sequence import Sequence


class BlockManager:
    """Blocks are free or owned by exactly one sequence; free and owned add up to the total."""

    def __init__(self, num_blocks: int, block_size: int) -> None:
        self.num_blocks = num_blocks
        self.block_size = block_size
        self._free = list(range(num_blocks))

    @property
    def num_free(self) -> int:
        return len(self._free)

    @property
    def num_owned(self) -> int:
        return self.num_blocks - len(self._free)

    def num_missing(self, sequence: Sequence, num_tokens: int) -> int:
        """Return how many more blocks the sequence needs to hold its first ``num_tokens``."""
        num_blocks = -(-num_tokens // self.block_size)
        return max(0, num_blocks - len(sequence.block_table))

    def can_allocate(self, sequence: Sequence, num_tokens: int) -> bool:
        return self.num_missing(sequence, num_tokens) <= len(self._free)

    def allocate(self, sequence: Sequence, num_tokens: int) -> None:
        """Give the sequence the blocks that it lacks for its first ``num_tokens``."""
        for _ in range(self.num_missing(sequence, num_tokens)):
            sequence.block_table.append(self._free.pop())

    def free(self, sequence: Sequence) -> None:
        """Take back every block of the sequence, which forgets what was computed."""
        self._free.extend(sequence.block_table)
        sequence.forget()
