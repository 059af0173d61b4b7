"""Which sequences own which block of the KV cache, and what they share.

    unused    -> owned
    owned     -> evictable   a cached block, once its last owner has left
              -> unused      any other
    evictable -> owned       again, by sequences that begin alike
              -> owned       for other tokens, the least recently used first

A full block is cached once its keys and values are computed, under a hash of its tokens and of all
before them. It is not written from then on, so that any number of sequences may read it.
"""

import hashlib
from array import array
from collections import OrderedDict

from predictor.engine.sequence import Sequence


class BlockManager:
    """Blocks are unused, evictable or owned, which adds up to the total; the former two are free.

    Whoever owns a cached block owns those before it, and one's last blocks are evicted first: no
    cached block is left behind that could not be found. Without ``prefix_cache`` none is cached.
    """

    def __init__(self, num_blocks: int, block_size: int, *, prefix_cache: bool = True) -> None:
        self.num_blocks = num_blocks
        self.block_size = block_size
        self._prefix_cache = prefix_cache
        self._unused = list(range(num_blocks))
        self._evictable: OrderedDict[int, None] = OrderedDict()
        self._num_owners = [0] * num_blocks
        self._cached: dict[bytes, int] = {}
        self._keys: dict[int, bytes] = {}

    @property
    def num_free(self) -> int:
        return len(self._unused) + len(self._evictable)

    @property
    def num_owned(self) -> int:
        return self.num_blocks - self.num_free

    def num_missing(self, sequence: Sequence, num_tokens: int) -> int:
        """Return how many more blocks the sequence needs to hold its first ``num_tokens``."""
        num_blocks = -(-num_tokens // self.block_size)
        return max(0, num_blocks - len(sequence.block_table))

    def can_allocate(self, sequence: Sequence, num_tokens: int) -> bool:
        return self.num_missing(sequence, num_tokens) <= self.num_free

    def allocate(self, sequence: Sequence, num_tokens: int) -> None:
        """Give the sequence the blocks that it lacks for its first ``num_tokens``."""
        for _ in range(self.num_missing(sequence, num_tokens)):
            block = self._unused.pop() if self._unused else self._evict()
            self._own(block)
            sequence.block_table.append(block)

    def find_prefix(self, sequence: Sequence) -> list[int]:
        """Return the cached blocks that the sequence begins with.

        Its last token is in none of them: that is always computed, for the next to be sampled.
        """
        blocks: list[int] = []
        num_blocks = (sequence.num_tokens - 1) // self.block_size if self._prefix_cache else 0
        for index in range(num_blocks):
            block = self._cached.get(self._key(sequence, index))
            if block is None:
                break
            blocks.append(block)
        return blocks

    def num_shared(self, prefix: list[int]) -> int:
        """Return how many of the blocks have an owner, so that another takes none that is free."""
        return sum(self._num_owners[block] > 0 for block in prefix)

    def share(self, sequence: Sequence, prefix: list[int]) -> None:
        """Let a sequence without blocks begin with those that ``find_prefix`` found for it."""
        assert not sequence.block_table
        for block in prefix:
            self._own(block)
        sequence.block_table.extend(prefix)
        sequence.num_computed_tokens = len(prefix) * self.block_size

    def advance(self, sequence: Sequence, num_tokens: int) -> None:
        """Note that the sequence's next ``num_tokens`` are computed; blocks now full are cached."""
        num_full = sequence.num_computed_tokens // self.block_size
        sequence.num_computed_tokens += num_tokens
        if self._prefix_cache:
            for index in range(num_full, sequence.num_computed_tokens // self.block_size):
                self._cache(sequence, index)

    def free(self, sequence: Sequence) -> None:
        """Take back every block of the sequence, which forgets what was computed."""
        for block in reversed(sequence.block_table):
            self._disown(block)
        sequence.forget()

    def uncache(self, sequence: Sequence) -> None:
        """Let no other sequence find the blocks of this one, for what they hold may be wrong."""
        for block in sequence.block_table:
            key = self._keys.pop(block, None)
            if key is not None:
                del self._cached[key]

    def _own(self, block: int) -> None:
        self._num_owners[block] += 1
        self._evictable.pop(block, None)

    def _disown(self, block: int) -> None:
        self._num_owners[block] -= 1
        if self._num_owners[block]:
            return
        if block in self._keys:
            self._evictable[block] = None
        else:
            self._unused.append(block)

    def _evict(self) -> int:
        block, _ = self._evictable.popitem(last=False)
        del self._cached[self._keys.pop(block)]
        return block

    def _cache(self, sequence: Sequence, index: int) -> None:
        block, key = sequence.block_table[index], self._key(sequence, index)
        cached = self._cached.setdefault(key, block)
        if cached == block:
            self._keys[block] = key
            return
        # Two that began together have both computed it: one copy is enough.
        self._own(cached)
        sequence.block_table[index] = cached
        self._disown(block)

    def _key(self, sequence: Sequence, index: int) -> bytes:
        """Return what no two texts have in common, computed once for each block of a sequence.

        A hash as wide as this has no known collisions, and none can be made: a sequence never
        reads what another text left. It needs no memory for the text, nor its predecessor's block.
        """
        keys = sequence.block_keys
        while len(keys) <= index:
            start = len(keys) * self.block_size
            token_ids = array("I", sequence.token_ids[start : start + self.block_size])
            before = keys[-1] if keys else b""
            keys.append(hashlib.blake2b(before + token_ids.tobytes(), digest_size=32).digest())
        return keys[index]
