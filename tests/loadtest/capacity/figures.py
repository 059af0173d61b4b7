"""What one client did in a window, and how two clients compare over rounds (pure)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Sample:
    """One client's window in one round; requests are counted by the server."""

    case: str
    client: str
    round: int
    num_requests: int
    events_per_request: int
    wall_s: float
    # User and system time of the client's processes, and of the server's.
    cpu_s: float
    server_cpu_s: float
    # One minute's load average when the window ended.
    load: float

    @property
    def per_cpu_s(self) -> float:
        """Events, or unary requests, of one second of CPU."""
        return self.num_requests * self.events_per_request / self.cpu_s

    @property
    def per_wall_s(self) -> float:
        return self.num_requests * self.events_per_request / self.wall_s


@dataclass(frozen=True, slots=True)
class Spread:
    """A median and what it lies between."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Raises ValueError where there is no value."""
        values = sorted(values)
        if not values:
            raise ValueError("a spread needs a value, there is none")
        return cls(median(values), values[0], values[-1])


def ratio(samples: Sequence[Sample], case: str, client: str, other: str) -> Spread:
    """Return how much more than ``other`` a client does with its CPU, each round with itself."""
    ours, theirs = (_by_round(samples, case, name) for name in (client, other))
    return Spread.of(
        sample.per_cpu_s / theirs[number].per_cpu_s
        for number, sample in ours.items()
        if number in theirs
    )


def table(samples: Sequence[Sample], ours: str) -> str:
    """Return the results in Markdown, a row for each case and client in the order they came."""
    rows = [
        "| case | client | per CPU second | per second | client's CPU | server's CPU "
        f"| {ours} does so many times as much |",
        "|---|---|---|---|---|---|---|",
    ]
    for case, client in dict.fromkeys((sample.case, sample.client) for sample in samples):
        rows.append(_row(samples, case, client, ours))
    return "\n".join(rows)


def _row(samples: Sequence[Sample], case: str, client: str, ours: str) -> str:
    chosen = list(_by_round(samples, case, client).values())
    cells = [
        case,
        client,
        _counts(Spread.of(sample.per_cpu_s for sample in chosen)),
        f"{median(sample.per_wall_s for sample in chosen):,.0f}",
        f"{median(sample.cpu_s / sample.wall_s for sample in chosen):.0%}",
        f"{median(sample.server_cpu_s / sample.wall_s for sample in chosen):.0%}",
        "" if client == ours else _times(ratio(samples, case, ours, client)),
    ]
    return f"| {' | '.join(cells)} |"


def _counts(spread: Spread) -> str:
    return f"{spread.median:,.0f} ({spread.least:,.0f} to {spread.most:,.0f})"


def _times(spread: Spread) -> str:
    return f"**{spread.median:.2f}** ({spread.least:.2f} to {spread.most:.2f})"


def _by_round(samples: Sequence[Sample], case: str, client: str) -> dict[int, Sample]:
    return {
        sample.round: sample
        for sample in samples
        if sample.case == case and sample.client == client
    }
