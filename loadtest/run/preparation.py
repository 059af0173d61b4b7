"""Requests made ahead of their time, so that making them delays none."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from loadtest.config import RunConfig
from loadtest.exchange import Exchange
from loadtest.prompts.prompt import Prompt, PromptSource
from loadtest.wire.part import Wire

# Of open and closed loops alike: some tenths of a second at the highest rates.
_NUM_AHEAD: Final = 1024


class Preparation:
    """Exchanges in the order of their arrivals, as many as are ready made."""

    def __init__(
        self,
        config: RunConfig,
        source: PromptSource,
        wire: Wire,
        run_id: str,
        on_done: Callable[[Exchange], None],
        times: Iterator[tuple[int, int]],
    ) -> None:
        self._source = source
        self._wire = wire
        self._run_id = run_id
        self._on_done = on_done
        self._times = times
        self._is_text_kept = config.turns > 1 or config.tokenizer is not None
        # Indices of one conversation follow each other, whoever else has a turn between.
        self._stride = source.max_turns
        self._ready: deque[Exchange] = deque()
        self._is_over = False

    def prepare(self) -> bool:
        """Make one more; whether another would be made."""
        if self._is_over or len(self._ready) >= _NUM_AHEAD:
            return False
        arrival = next(self._times, None)
        if arrival is None:
            self._is_over = True
            return False
        number, at_ns = arrival
        prompt = self._source.prompt(number)
        self._ready.append(self._make(number * self._stride, prompt, at_ns))
        return True

    def take(self) -> Exchange | None:
        """Return the next, its ``scheduled`` in ns since the epoch; None where there is none."""
        if not self._ready:
            self.prepare()
        return self._ready.popleft() if self._ready else None

    def follow(self, before: Exchange, at_ns: int) -> Exchange | None:
        """Return the next turn of a conversation whose last was answered well."""
        number = before.index // self._stride
        prompt = self._source.follow_up(number, before.prompt, "".join(before.texts))
        if prompt is None:
            return None
        return self._make(number * self._stride + prompt.turn, prompt, at_ns)

    def _make(self, index: int, prompt: Prompt, at_ns: int) -> Exchange:
        return Exchange(
            index=index,
            prompt=prompt,
            body=self._wire.encode(prompt, f"{self._run_id}-{index}"),
            wire=self._wire,
            scheduled=at_ns,
            on_done=self._on_done,
            keep_text=self._is_text_kept or prompt.expected is not None,
        )
