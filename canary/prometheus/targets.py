"""Which pods Prometheus has scraped, and whether what it has is recent and whole (pure)."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from canary.prometheus.series import NotYet, Series, Unreadable

Key = tuple[str, str]

# A scrape may be late or lost; after three nothing newer is known.
MAX_MISSED_SCRAPES: Final = 3
_UNKNOWN_INTERVAL_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """One pod's metrics port, scraped at least once; ``values`` are of ``up``, 1 is a success."""

    key: Key
    # Empty for what serves several, such as a gateway, whose series name them one by one.
    revision: str
    times: tuple[float, ...]
    values: tuple[float, ...]


def targets_of(ups: Sequence[Series], counters: Sequence[Series], label: str) -> list[Target]:
    """Return the targets that expose these counters; each pod may be there once."""
    exposing = {series.target for series in counters}
    targets = [
        Target(up.target, up.labels.get(label, ""), up.times, up.values)
        for up in ups
        if up.target in exposing and up.times
    ]
    _check_once([target.key for target in targets])
    unknown = exposing - {target.key for target in targets}
    if unknown:
        job, instance = min(unknown)
        raise Unreadable(
            f'Prometheus has counters of job="{job}",instance="{instance}" and no up of it: '
            "nothing says whether they are whole"
        )
    return targets


def scrape_interval_s(targets: Collection[Target]) -> float:
    """Return the seconds from scrape to scrape; 60 where too few are known."""
    gaps = [later - earlier for target in targets for earlier, later in pairwise(target.times)]
    return median(gaps) if gaps else _UNKNOWN_INTERVAL_S


def live_targets(targets: Sequence[Target], revision: str, end: float) -> list[Target]:
    """Return a revision's targets that are scraped still, or say what their samples lack.

    One that Prometheus no longer scrapes is a pod that has ended; its events up to then count.
    NotYet where none of a revision's pods answers, or not all of what serves several.
    """
    ours = [target for target in targets if target.revision == revision]
    if not ours:
        raise NotYet(f"Prometheus has no sample of any pod of {revision}")
    pods = _pods(revision)
    interval_s = scrape_interval_s(ours)
    oldest = end - MAX_MISSED_SCRAPES * interval_s
    live = [target for target in ours if target.times[-1] >= oldest]
    if not live:
        raise NotYet(
            f"the newest sample of {pods} is {end - max(t.times[-1] for t in ours):.0f} s old, "
            f"may be {MAX_MISSED_SCRAPES} scrapes of {interval_s:.3g} s"
        )
    lacks = why_partial(live, revision)
    if lacks and not (revision and answering(live)):
        raise NotYet(lacks)
    return live


def answering(live: Sequence[Target]) -> list[Target]:
    """Return those whose last scrape succeeded."""
    return [target for target in live if target.values[-1] == 1]


def why_partial(live: Sequence[Target], revision: str) -> str:
    """Return which of a revision's targets do not answer; empty where all do."""
    num_down = len(live) - len(answering(live))
    if not num_down:
        return ""
    return f"{num_down} of {len(live)} {_pods(revision)} do not answer Prometheus (up is 0)"


def _pods(revision: str) -> str:
    return f"pods of {revision}" if revision else "targets without a revision"


def _check_once(keys: Sequence[Key]) -> None:
    jobs = defaultdict(list)
    for job, instance in keys:
        jobs[instance].append(job)
    for instance, found in jobs.items():
        if len(found) > 1:
            raise Unreadable(
                f"instance {instance} is scraped {len(found)} times, by jobs "
                f"{', '.join(sorted(found))}, and would count as often: name one in "
                "prometheus.matchers"
            )
