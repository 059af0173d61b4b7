"""What is kept of an exchange that has ended: its answer judged, its tokens counted, its row."""

from collections import deque
from typing import Final

from loadtest.exchange import Exchange
from loadtest.prompts.arithmetic import is_right
from loadtest.prompts.counting import LocalTokenizer
from loadtest.record import NEVER, Correctness, Outcome
from loadtest.records.store import Writer

# Answers that may wait to be counted until the worker has nothing else to do.
_MAX_UNCOUNTED: Final = 4096


class Recorder:
    """Writes a row of each exchange; with a tokenizer, when there is time to count."""

    def __init__(self, writer: Writer, tokenizer: LocalTokenizer | None) -> None:
        self._writer = writer
        self._tokenizer = tokenizer
        self._uncounted: deque[Exchange] = deque()

    def record(self, exchange: Exchange) -> None:
        if self._tokenizer is None:
            self._writer.add(exchange, judge(exchange), NEVER, NEVER)
            return
        self._uncounted.append(exchange)
        if len(self._uncounted) > _MAX_UNCOUNTED:
            self.count_tokens()

    def record_not_sent(self, exchange: Exchange) -> None:
        self._writer.add_not_sent(exchange.index, exchange.scheduled)

    def count_tokens(self) -> bool:
        """Count one answer's tokens, if any waits; whether more do."""
        if self._uncounted:
            exchange = self._uncounted.popleft()
            prompt_tokens, output_tokens = self._count(exchange)
            self._writer.add(exchange, judge(exchange), prompt_tokens, output_tokens)
        return bool(self._uncounted)

    def close(self) -> None:
        """Write what is left."""
        while self.count_tokens():
            pass
        self._writer.close()

    def _count(self, exchange: Exchange) -> tuple[int, int]:
        assert self._tokenizer is not None
        prompt = "".join(message.content for message in exchange.prompt.messages)
        if exchange.outcome is not Outcome.OK:
            return self._tokenizer.count(prompt), NEVER
        answer = "".join(exchange.reasonings) + "".join(exchange.texts)
        return self._tokenizer.count(prompt), self._tokenizer.count(answer)


def judge(exchange: Exchange) -> Correctness:
    """Return whether the answer is the expected one, where one is."""
    expected = exchange.prompt.expected
    if expected is None or exchange.outcome is not Outcome.OK:
        return Correctness.UNCHECKED
    return Correctness.RIGHT if is_right("".join(exchange.texts), expected) else Correctness.WRONG
