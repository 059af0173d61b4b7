"""What happens to a pair's pages in one interval."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.canary.prometheus.exposition import ALL, ERROR, FAST, IN_FLIGHT, OK, Pair

Page = Mapping[str, float | str]


@dataclass(frozen=True)
class Case:
    canary: Page = field(default_factory=dict)
    stable: Page = field(default_factory=dict)
    forgets: str = ""

    def apply(self, pair: Pair) -> None:
        pair.canary.set(**self.canary)
        pair.stable.set(**self.stable)
        pair.canary.forget(self.forgets)


CASES = {
    "moved": Case({OK: 150, ERROR: 4, FAST: 100, ALL: 150}, {OK: 300}),
    "restarted": Case({OK: 7, ERROR: 3, FAST: 0, ALL: 0}),
    "label": Case({'ends_total{reason="length"}': 3, 'ends_total{reason="eos_token"}': 5}),
    "missing": Case(forgets=ALL),
    "no-gauge": Case(forgets=IN_FLIGHT),
    "nan": Case({OK: "NaN"}),
    "infinite": Case({ERROR: "+Inf"}),
    "negative": Case({ERROR: -1}),
    "fraction": Case({ERROR: 1.5}),
    "too-good": Case({FAST: 200}),
    "digests": Case(
        {'r1_build_info{defaults_digest="aa"}': 1}, {'r1_build_info{defaults_digest="bb"}': 1}
    ),
}
