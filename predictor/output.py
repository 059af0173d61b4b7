"""Generated tokens -> text: reasoning told from the answer, stop strings cut off."""

from typing import Final

from predictor.engine.sequence import FinishReason, TokenOutput
from predictor.errors import GenerationFailed
from predictor.generation import Delta, PreparedRequest, TokenInfo, TopToken, Usage
from predictor.tokenizer import TextStream, Tokenizer

ENDED_BY_TOKEN: Final = frozenset({FinishReason.EOS_TOKEN, FinishReason.STOP_TOKEN})


class OutputReader:
    """Reads one sequence's tokens in order.

    Reasoning ends with the ``</think>`` token; white space at the seam belongs to neither side.
    Text that may yet turn out to begin a stop string is held back until it is clear.
    """

    def __init__(self, tokenizer: Tokenizer, request: PreparedRequest) -> None:
        self._tokenizer = tokenizer
        self._request = request
        self._is_reasoning = request.starts_in_reasoning
        # A completion that does not start in reasoning is given to the letter.
        self._section = self._open_section(trims_start=self._is_reasoning)
        self._num_reasoning_tokens = 0
        self._num_tokens = 0

    def read(self, outputs: list[TokenOutput]) -> Delta:
        """Return what the outputs add; nothing may be read after a delta that finishes."""
        reasoning, answer, tokens = "", "", []
        finish_reason = None
        for output in outputs:
            was_reasoning = self._is_reasoning
            text = self._advance(output)
            finish_reason = output.finish_reason
            if self._section.is_stopped:
                finish_reason = FinishReason.STOP_STRING
            elif finish_reason is not None:
                text += self._section.flush()
            if was_reasoning:
                reasoning += text
            else:
                answer += text
            is_reasoning = was_reasoning or self._is_reasoning
            tokens.append(self._describe(output, is_reasoning=is_reasoning))
            if finish_reason is not None:
                break
        return Delta(
            answer=answer,
            reasoning=reasoning,
            tokens=tuple(tokens),
            finish_reason=finish_reason,
            usage=None if finish_reason is None else self._usage(),
        )

    def _advance(self, output: TokenOutput) -> str:
        """Take one token in and return the text that is now certain."""
        token_id = output.token_id
        if token_id is None:
            raise GenerationFailed("the model's output is not finite")
        self._num_tokens += 1
        if self._is_reasoning and token_id == self._tokenizer.think_close_id:
            return self._end_reasoning()
        if self._opens_reasoning(token_id):
            self._is_reasoning = True
            self._section = self._open_section(trims_start=True)
            return ""
        if output.finish_reason in ENDED_BY_TOKEN:
            return ""
        self._num_reasoning_tokens += self._is_reasoning
        return self._section.feed(token_id)

    def _opens_reasoning(self, token_id: int) -> bool:
        """Whether the model itself starts to reason, as chat templates without <think> expect."""
        is_first = self._num_tokens == 1
        return self._request.may_reason and is_first and token_id == self._tokenizer.think_open_id

    def _end_reasoning(self) -> str:
        text = self._section.flush()
        if not self._section.is_stopped:
            self._is_reasoning = False
            self._section = self._open_section(trims_start=True)
        return text

    def _open_section(self, *, trims_start: bool) -> "_Section":
        return _Section(
            self._tokenizer.decode_stream(),
            self._request.stop,
            trims_start=trims_start,
            trims_end=self._is_reasoning,
        )

    def _describe(self, output: TokenOutput, *, is_reasoning: bool) -> TokenInfo:
        assert output.token_id is not None
        tokenizer, logprobs = self._tokenizer, output.logprobs
        top = () if logprobs is None else logprobs.top
        return TokenInfo(
            id=output.token_id,
            text=tokenizer.token_text(output.token_id),
            is_special=tokenizer.is_special(output.token_id),
            is_reasoning=is_reasoning,
            data=tokenizer.token_bytes(output.token_id),
            logprob=None if logprobs is None else logprobs.logprob,
            top=tuple(
                TopToken(tokenizer.token_text(i), i, p, tokenizer.token_bytes(i)) for i, p in top
            ),
        )

    def _usage(self) -> Usage:
        return Usage(
            prompt_tokens=len(self._request.prompt_ids),
            reasoning_tokens=self._num_reasoning_tokens,
            completion_tokens=self._num_tokens,
        )


class _Section:
    """The text of the reasoning or of the answer."""

    def __init__(
        self, stream: TextStream, stop: tuple[str, ...], *, trims_start: bool, trims_end: bool
    ) -> None:
        self.is_stopped = False
        self._stream = stream
        self._stop = stop
        self._trims_start = trims_start
        self._trims_end = trims_end
        self._held = ""

    def feed(self, token_id: int) -> str:
        """Return the text that no later token can change."""
        self._take(self._stream.feed(token_id))
        if self.is_stopped:
            return self._release_all()
        return self._release(self._num_certain())

    def flush(self) -> str:
        """Return the rest: no token follows."""
        self._take(self._stream.flush())
        return self._release_all()

    def _take(self, text: str) -> None:
        if self._trims_start:
            text = text.lstrip()
            self._trims_start = not text
        self._held += text
        found = [at for stop in self._stop if (at := self._held.find(stop)) >= 0]
        if found:
            self.is_stopped = True
            self._held = self._held[: min(found)]

    def _num_certain(self) -> int:
        """Return the length without an end that begins a stop string or is white space to trim."""
        longest = max(map(len, self._stop), default=1) - 1
        num_certain = len(self._held)
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stop):
                num_certain -= length
                break
        return len(self._held[:num_certain].rstrip()) if self._trims_end else num_certain

    def _release_all(self) -> str:
        return self._release(len(self._held.rstrip() if self._trims_end else self._held))

    def _release(self, length: int) -> str:
        text, self._held = self._held[:length], self._held[length:]
        return text
