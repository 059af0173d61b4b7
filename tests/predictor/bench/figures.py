"""What one contender did with one load, and how two compare over rounds (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final

from tests.predictor.bench.load import Load, Measured

NUM_PERCENTILES: Final = 100


@dataclass(frozen=True, slots=True)
class Roofline:
    """What the machine can do, measured by plain reading and multiplying."""

    read_bytes_per_s: float
    flops_per_s: float

    def tokens_per_s(self, concurrency: int, model_bytes: int, flops_per_token: float) -> float:
        """Return the most that weights read once a step, and every product, allow."""
        step_s = max(
            model_bytes / self.read_bytes_per_s, concurrency * flops_per_token / self.flops_per_s
        )
        return concurrency / step_s


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one load by one contender; times in seconds."""

    load: str
    contender: str
    round: int
    tokens_per_s: float
    roofline_ratio: float
    first_token_s: float
    gap_p50_s: float
    gap_p99_s: float


@dataclass(frozen=True, slots=True)
class Spread:
    """A median and what it lies between."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f} to {self.most:.2f})"


def sample(
    contender: str, number: int, load: Load, measured: Measured, bound_tokens_per_s: float
) -> Sample:
    """Reduce what was measured; first tokens as their median."""
    gaps_s = [
        later - earlier
        for answer in measured.answers
        for earlier, later in zip(answer.times_s, answer.times_s[1:], strict=False)
    ]
    percentiles = quantiles(gaps_s, n=NUM_PERCENTILES, method="inclusive")
    rate = load.num_tokens / measured.elapsed_s
    return Sample(
        load=load.name,
        contender=contender,
        round=number,
        tokens_per_s=rate,
        roofline_ratio=rate / bound_tokens_per_s,
        first_token_s=median(answer.times_s[0] for answer in measured.answers),
        gap_p50_s=percentiles[49],
        gap_p99_s=percentiles[98],
    )


def spread(values: Sequence[float]) -> Spread:
    return Spread(median(values), min(values), max(values))


def ratio(samples: Sequence[Sample], ours: str, other: str) -> Spread:
    """Return how many times as many tokens ``ours`` made as ``other``, round by round."""
    rates = {(s.contender, s.round): s.tokens_per_s for s in samples}
    rounds = sorted({s.round for s in samples if s.contender == other})
    return spread([rates[ours, number] / rates[other, number] for number in rounds])
