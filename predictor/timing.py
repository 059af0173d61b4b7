"""One sequence's tokens, timed into the metrics as they reach the server."""

from predictor.engine.sequence import TokenOutput
from predictor.generation import Delta
from predictor.metrics import Metrics


class SequenceTimer:
    """Told of each step that brought tokens; times are seconds on one monotonic clock."""

    def __init__(self, metrics: Metrics, arrived_at_s: float) -> None:
        self._metrics = metrics
        self._arrived_at_s = arrived_at_s
        self._first_at_s: float | None = None
        self._last_at_s = arrived_at_s
        self._num_tokens = 0
        self._longest_gap_s = 0.0
        self._has_ended = False

    def read(self, outputs: list[TokenOutput], now_s: float) -> None:
        for output in outputs:
            if output.queue_time_s is not None:
                self._metrics.queue_time.observe(output.queue_time_s)
        num_gaps, gap_s = len(outputs), 0.0
        if self._first_at_s is None:
            self._first_at_s = now_s
            self._metrics.time_to_first_token.observe(now_s - self._arrived_at_s)
            num_gaps -= 1
        elif num_gaps:
            self._longest_gap_s = max(self._longest_gap_s, now_s - self._last_at_s)
            # Tokens that arrive together have shared the time since the last ones.
            gap_s = (now_s - self._last_at_s) / num_gaps
        for _ in range(num_gaps):
            self._metrics.inter_token.observe(gap_s)
        self._num_tokens += len(outputs)
        self._last_at_s = now_s

    def end(self, last: Delta) -> None:
        """Record a sequence that ended by itself: its ``last`` delta has reason and usage."""
        assert last.usage is not None
        assert last.finish_reason is not None
        assert self._first_at_s is not None
        self._has_ended = True
        metrics, usage = self._metrics, last.usage
        if self._num_tokens > 1:
            mean_s = (self._last_at_s - self._first_at_s) / (self._num_tokens - 1)
            metrics.time_per_output_token.observe(mean_s)
            metrics.longest_gap.observe(self._longest_gap_s)
        metrics.prompt_tokens.observe(usage.prompt_tokens)
        metrics.reasoning_tokens.observe(usage.reasoning_tokens)
        metrics.completion_tokens.observe(usage.completion_tokens)
        metrics.finish_reasons.labels(last.finish_reason.value).inc()

    def close(self, now_s: float) -> None:
        """Record one that was cut off: its wait for the token that never came counts as a gap."""
        if self._first_at_s is not None and not self._has_ended:
            longest_s = max(self._longest_gap_s, now_s - self._last_at_s)
            self._metrics.longest_gap.observe(longest_s)
