"""One request under way: the connection tells it what happens and when, it fills the record."""

from collections.abc import Callable
from dataclasses import dataclass, field

from loadtest.errors import AnswerError
from loadtest.prompts.prompt import Prompt
from loadtest.record import NEVER, FinishReason, Outcome
from loadtest.wire.part import NO_USAGE, Usage, Wire
from loadtest.wire.quotes import printable, without_prompt


@dataclass(slots=True, eq=False)
class Exchange:
    """Times are of CLOCK_MONOTONIC in ns; the writer makes them relative to the run's epoch."""

    index: int
    prompt: Prompt = field(repr=False)
    body: bytes = field(repr=False)
    wire: Wire
    scheduled: int
    on_done: Callable[["Exchange"], None]
    # Whether the answer's text is kept, for a check or for the next turn.
    keep_text: bool = False
    # Takes the credentials that the request carries out of a detail; the client's that sends it.
    redact: Callable[[str], str] = field(default=str, repr=False)

    outcome: Outcome | None = None
    status: int = NEVER
    # One line for the first few errors of a kind in the report; no text of prompt or answer, and no
    # credential.
    detail: str = ""
    started: int = NEVER
    sent: int = NEVER
    first_byte: int = NEVER
    first_chunk: int = NEVER
    last_chunk: int = NEVER
    finished: int = NEVER
    connect: int = 0
    is_reused: bool = True
    # Arrival of each chunk after the first, less that of the one before, in ns.
    gaps: list[int] = field(default_factory=list)
    num_chunks: int = 0
    num_coalesced: int = 0
    response_bytes: int = 0
    finish_reason: FinishReason = FinishReason.UNKNOWN
    usage: Usage = NO_USAGE
    texts: list[str] = field(default_factory=list, repr=False)
    reasonings: list[str] = field(default_factory=list, repr=False)
    is_complete: bool = False

    @property
    def is_done(self) -> bool:
        return self.outcome is not None

    def receive(self, now: int, payload: bytes) -> None:
        """Take a unary body, an event's data or a message that arrived at ``now``."""
        if self.outcome is not None:
            return
        try:
            part = self.wire.decode(payload)
        except AnswerError as error:
            self.fail(now, Outcome.MALFORMED, str(error))
            return
        text, reasoning, finish_reason, usage, failure, is_last = part
        if failure is not None:
            outcome = Outcome.STREAM_ERROR if self.wire.is_stream else Outcome.SERVER_ERROR
            self.fail(now, outcome, without_prompt(failure, self.prompt))
            return
        if text or reasoning:
            self._count_chunk(now)
            if self.keep_text:
                self.texts.append(text)
                self.reasonings.append(reasoning)
        if usage is not None:
            self.usage = usage
        if finish_reason is not None:
            self.finish_reason = finish_reason
        if is_last:
            self.is_complete = True

    def end(self, now: int) -> None:
        """The answer has ended as its transport asks; without its last part it is truncated."""
        if self.outcome is not None:
            return
        if self.is_complete:
            self._close(now, Outcome.OK)
        else:
            self.fail(now, Outcome.TRUNCATED, "the answer ended without its last part")

    def fail(self, now: int, outcome: Outcome, detail: str) -> None:
        """End the exchange with that outcome, unless it has ended."""
        if self.outcome is None:
            self.detail = printable(self.redact(detail))
            self._close(now, outcome)

    def _count_chunk(self, now: int) -> None:
        if self.num_chunks == 0:
            self.first_chunk = now
        else:
            self.gaps.append(now - self.last_chunk)
            # Chunks of one read share its time.
            self.num_coalesced += now == self.last_chunk
        self.last_chunk = now
        self.num_chunks += 1

    def _close(self, now: int, outcome: Outcome) -> None:
        self.outcome = outcome
        self.finished = now
        self.on_done(self)
