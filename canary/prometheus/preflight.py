"""Whether Prometheus has what a rollout is to be judged by, before anything is changed."""

from collections.abc import Callable, Sequence
from typing import Final

from canary.metrics import REQUESTS
from canary.prometheus.selector import Selector
from canary.prometheus.series import Series
from canary.prometheus.targets import scrape_interval_s, targets_of
from canary.shares import Share

MIN_SCRAPES: Final = 2
_NUM_SHOWN: Final = 5

# The last samples of one metric, of one revision or of all.
Last = Callable[[str, str | None], list[Series]]


def check(
    last: Last,
    ups: Sequence[Series],
    shares: Sequence[Share],
    revision: str,
    label: str,
    interval_s: float,
) -> list[str]:
    """Return what is missing, a line each; ``revision`` is one that serves users already."""
    requests = last(REQUESTS, revision)
    if not requests:
        return [_nobody(last, revision, label)]
    problems = _check_scrapes(ups, requests, revision, label, interval_s)
    known: dict[str, list[Series]] = {REQUESTS: requests}
    for share in shares:
        for text in (share.total, share.bad or share.good):
            assert text is not None, share
            selector = Selector.parse(text)
            if selector.name not in known:
                known[selector.name] = last(selector.name, revision)
        problem = _check_share(share, known, label, revision)
        if problem is not None:
            problems.append(problem)
    return list(dict.fromkeys(problems))


def _nobody(last: Last, revision: str, label: str) -> str:
    everyone = last(REQUESTS, None)
    others = sorted({series.labels.get(label, "") for series in everyone} - {""})
    has = f"{label} {', '.join(others[:_NUM_SHOWN])}" if others else f"{len(everyone)} without it"
    return f'Prometheus has no {REQUESTS} with {label}="{revision}"; it has {has}'


def _check_scrapes(
    ups: Sequence[Series],
    requests: Sequence[Series],
    revision: str,
    label: str,
    interval_s: float,
) -> list[str]:
    targets = targets_of(ups, requests, label)
    scrape_s = scrape_interval_s(targets)
    problems = []
    # Scrapes come a few milliseconds early or late.
    if interval_s < 0.95 * MIN_SCRAPES * scrape_s:
        problems.append(
            f"judgement.interval is {interval_s:g}s, must be at least {MIN_SCRAPES} scrapes of "
            f"{revision}, which come every {scrape_s:.3g} s"
        )
    down = sum(target.values[-1] != 1 for target in targets)
    if down:
        problems.append(f"{down} of {len(targets)} pods of {revision} do not answer Prometheus")
    return problems


def _check_share(
    share: Share, known: dict[str, list[Series]], label: str, revision: str
) -> str | None:
    total = Selector.parse(share.total)
    having = f'with {label}="{revision}"'
    if not any(total.matches(series.labels) for series in known[total.name]):
        return f"{share.metric}: Prometheus has no {share.total} {having}"
    if share.good is not None:
        return _check_edge(share, Selector.parse(share.good), known)
    assert share.bad is not None, share
    bad = Selector.parse(share.bad)
    if not known[bad.name]:
        return f"{share.metric}: Prometheus has no {bad.name} {having}; a counter begins at 0"
    for matcher in bad.matchers:
        # Of a label that is there a value may be yet to come; of one that is not, never.
        if not any(matcher.label in series.labels for series in known[bad.name]):
            return f"{share.metric}: no {bad.name} {having} has a label {matcher.label}"
    return None


def _check_edge(share: Share, good: Selector, known: dict[str, list[Series]]) -> str | None:
    series = known[good.name]
    if any(good.matches(each.labels) for each in series):
        return None
    wanted = next((m.value for m in good.matchers if m.label == "le"), "")
    edges = sorted({float(each.labels["le"]) for each in series if "le" in each.labels})
    return (
        f"{share.metric}: {good.name} has no bucket edge {wanted}; its edges are "
        f"{', '.join(f'{edge:g}' for edge in edges)}"
    )
