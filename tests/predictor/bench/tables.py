"""Samples -> tables for a person."""

from collections.abc import Iterator

from rich.table import Table

from tests.predictor.bench.contenders.known import OURS
from tests.predictor.bench.figures import Sample, Spread, ratio, spread


def tables(samples: list[Sample]) -> Iterator[Table]:
    """Yield a table for each load, ours first."""
    for load in dict.fromkeys(sample.load for sample in samples):
        of_load = [sample for sample in samples if sample.load == load]
        table = Table(title=load, title_justify="left")
        for column in ("", "tokens/s", "of the roofline", "ours is x times", "first token ms"):
            table.add_column(column)
        table.add_column("gap p50 ms")
        table.add_column("gap p99 ms")
        for name in dict.fromkeys(sample.contender for sample in of_load):
            own = [sample for sample in of_load if sample.contender == name]
            table.add_row(
                name,
                str(spread([s.tokens_per_s for s in own])),
                f"{spread([s.roofline_ratio for s in own]).median:.0%}",
                "" if name == OURS else str(ratio(of_load, OURS, name)),
                _ms(spread([s.first_token_s for s in own])),
                _ms(spread([s.gap_p50_s for s in own])),
                _ms(spread([s.gap_p99_s for s in own])),
            )
        yield table


def _ms(seconds: Spread) -> str:
    return f"{1000 * seconds.median:.1f}"
