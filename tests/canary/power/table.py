"""The measured rows as a page of markdown."""

import textwrap
from collections.abc import Sequence

import numpy as np

from canary.judgement import criteria, eprocess
from canary.judgement.evidence import policies
from tests.canary.power import traffic
from tests.canary.power.measure import Measured, Rate
from tests.canary.power.traffic import Disturbance
from tests.canary.power.whole import IN_FLIGHT, PLAN, TIMES, TOKENS, WholeMeasured

_WHO = ("judge", "default plan", "Flagger", "Kayenta", "z-test")


def page(
    measured: Sequence[Measured], command: str, seed: int, wholes: Sequence[WholeMeasured] = ()
) -> str:
    """Return the whole page; ``command`` makes it anew."""
    of = {
        kind: [one for one in measured if one.row.kind == kind]
        for kind in ("equal", "change", "promotion")
    }
    parts = [
        "# How often and how soon the judge is right",
        _fill(f"Made by `{command}` (seed {seed}, {measured[0].num_runs:,} runs a row)."),
        _fill(_setting()),
        _fill(_judges()),
        _fill(
            "The judge's constants, the weights of its metrics and TTFT's tolerance were chosen on "
            "these same scenarios, with other seeds, to meet the bounds; the rules of others were "
            "not tuned. Rates and lengths of incidents and bursts are assumptions, and no e-value "
            "bounds what a burst of one revision alone does: there the simulation is all there is."
        ),
        "A number in brackets is the median in minutes, over all runs. **Bold** breaks its bound.",
        "## Equal revisions: rolled back",
        _fill(
            f"Shared incidents: {_say(traffic.SHARED_INCIDENTS)}, in both revisions at once. "
            f"Arm-local bursts: {_say(traffic.ARM_BURSTS)}, in each revision by itself. Where all "
            "users fail it is "
            + "; ".join(_say(each) for each in traffic.HARD_INCIDENTS)
            + ". A share above its cap in both revisions speaks against the canary only in "
            "intervals where the stable revision's is less than half, so that no e-value bounds "
            "it: these rows do."
        ),
        _table(of["equal"]),
        "![False rollbacks](power-equal.png)",
        "## A worse canary: rolled back",
        _table(of["change"]),
        "![Time until a worse canary is rolled back](power-change.png)",
        _fill(
            "Failed is the median number of users' requests that failed on the canary until the "
            "default plan rolled back, or until the end."
        ),
        "## Promotion: proven good at any look",
        _proofs(of["promotion"]),
        _fill(
            "What is not proven in the 40 minutes is inconclusive: the rollout stays in its bake. "
            "A proof once reached stands (Ville's inequality holds at every look), unless evidence "
            "as strong speaks against the canary later: a change after the proof is found only as "
            "one for rolling back, in the time of the second table."
        ),
        "## Whole rollouts of the default plan",
        _fill(_whole_setting()),
        _wholes(wholes),
    ]
    return "\n\n".join(parts) + "\n"


def broken_wholes(wholes: Sequence[WholeMeasured]) -> list[str]:
    """Return the whole rollouts whose bound does not hold, one line each."""
    return [f"{one.row.name}: {one.ended.held}" for one in wholes if one.is_broken]


def broken(measured: Sequence[Measured]) -> list[str]:
    """Return the bounds that do not hold, one line each."""
    lines = []
    for one in measured:
        row, name = one.row, one.row.name
        for who in ("judge", "default plan"):
            rate = one.rolled_back[who]
            if row.max_rolled_back is not None and rate.share > row.max_rolled_back:
                lines.append(f"{name}: {rate.share:.2%} rolled back by {who}")
            if row.max_minutes is not None and rate.median_minutes > row.max_minutes:
                lines.append(f"{name}: median {rate.median_minutes:g} minutes by {who}")
        if row.max_failed is not None and one.median_failed > row.max_failed:
            lines.append(f"{name}: median {one.median_failed:g} failed")
        if row.max_proven is not None and one.proven.share > row.max_proven:
            lines.append(f"{name}: {one.proven.share:.2%} proven")
    return lines


def _setting() -> str:
    return (
        f"{traffic.RATE_PER_S:g} requests a second, where a row names no other rate, arrive as a "
        "Poisson process; each bound and time holds at its row's rate alone. The canary has "
        "5, 10, 25 and 50 % of them for 10 minutes each and is judged every "
        f"{traffic.INTERVAL_S:g} s. Baseline errors are {traffic.ERROR_SHARE:.2%}; TTFT is "
        f"lognormal (sigma {traffic.SIGMA:g}, P99 {traffic.BASE_P99_S * 1000:g} ms) and judged "
        f"above {', '.join(f'{edge:g}' for edge in traffic.EDGES)} s."
    )


def _judges() -> str:
    return (
        "The judge is the code of `canary/judgement` itself. Judge: a plan of the simulated "
        "metrics alone. Default plan: all its metrics, of which those not simulated say nothing. "
        f"Alternatives are {', '.join(f'{odds:g}' for odds in eprocess.GRID)} times a boundary's "
        f"odds, an interval's factor is at most e^{eprocess.MAX_LOG_FACTOR:g}, and "
        f"{1 - criteria.KEPT:.0%} of the evidence for rolling back is forgotten after each. The "
        "others are decision rules re-implemented, at one setting each. Flagger: errors above "
        "0.1 %, or P99 above 500 ms, in 5 minutes in all. Kayenta: Mann-Whitney on each minute's "
        "share, 98 % confidence, 25 % tolerance, at each step's end. z-test: of all counts so far, "
        "at 1 %, each minute. Beside errors they judge errors, beside TTFT the share above 0.5 s."
    )


def _fill(text: str) -> str:
    return textwrap.fill(text, 100, break_on_hyphens=False)


def _table(measured: Sequence[Measured]) -> str:
    lines = [
        "|Case|Bound|Judge|Default plan|Failed|Flagger rule|Kayenta rule|z-test peeked|",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in measured:
        cells = [_rate(one.rolled_back[who]) for who in _WHO]
        if broken([one]):
            cells[:2] = [f"**{cell}**" for cell in cells[:2]]
        failed = f"{one.median_failed:g}"
        lines.append(
            "|" + "|".join([one.row.name, _bound(one), *cells[:2], failed, *cells[2:]]) + "|"
        )
    return "\n".join(lines)


def _whole_setting() -> str:
    held = ", ".join(name for name, policy in policies(PLAN).items() if policy.advisory)
    return (
        "Every metric is simulated, and each stage lasts as long as the plan's least durations and "
        "requests ask for; then the bake may take `limits.unproven` beyond its least. Pods "
        "grow with the share of users, and the gauge of requests under way is read twice in an "
        f"interval at {IN_FLIGHT:g} a pod, Poisson, times the slowdown (Little's law). Times have "
        f"medians {', '.join(f'{name} {median:g}' for name, (median, _) in TIMES.items())}; "
        f"streams have {TOKENS} gaps, each drawn by itself, of which longest_gap is the longest. "
        f"{held} are advisory: they roll back, and hold no promotion. What is not promoted in time "
        "is rolled back, or held on, as `limits.then` says."
    )


def _wholes(wholes: Sequence[WholeMeasured]) -> str:
    lines = [
        "|Case|Runs|Bound|Promoted|Rolled back|Not proven in time|",
        "|---|---|---|---|---|---|",
    ]
    for one in wholes:
        row = one.row
        bounds = [
            f"{share:.0%} {what}"
            for share, what in (
                (row.min_promoted, "promoted"),
                (row.min_rolled_back, "rolled back"),
            )
            if share is not None
        ]
        cells = [
            _rate(Rate(float(np.isfinite(ends).mean()), float(np.median(ends))))
            for ends in (one.ended.promoted, one.ended.rolled_back)
        ]
        if one.is_broken:
            cells = [f"**{cell}**" for cell in cells]
        held = ", ".join(f"{key} {n / one.num_runs:.0%}" for key, n in one.ended.held.items())
        lines.append(
            "|" + "|".join([row.name, f"{one.num_runs}", ", ".join(bounds), *cells, held]) + "|"
        )
    return "\n".join(lines)


def _proofs(measured: Sequence[Measured]) -> str:
    lines = ["|Case|Bound|Proven|Rolled back|", "|---|---|---|---|"]
    for one in measured:
        proven = _rate(one.proven)
        if broken([one]):
            proven = f"**{proven}**"
        lines.append(f"|{one.row.name}|{_bound(one)}|{proven}|{_rate(one.rolled_back['judge'])}|")
    return "\n".join(lines)


def _bound(one: Measured) -> str:
    row = one.row
    bounds = []
    if row.max_rolled_back is not None:
        bounds.append(f"{row.max_rolled_back:.0%}")
    if row.max_proven is not None:
        bounds.append(f"{row.max_proven:.0%}")
    if row.max_minutes is not None:
        bounds.append(f"{row.max_minutes:g} min")
    if row.max_failed is not None:
        bounds.append(f"{row.max_failed:g} failed")
    return ", ".join(bounds)


def _rate(rate: Rate) -> str:
    share = f"{rate.share:.2%}" if rate.share < 0.1 else f"{rate.share:.1%}"
    return f"{share} ({rate.median_minutes:g})" if np.isfinite(rate.median_minutes) else share


def _say(disturbance: Disturbance) -> str:
    seconds = disturbance.num_slots * traffic.SLOT_S
    return (
        f"once in {disturbance.every_s / 60:g} minutes on average, for {seconds:g} s,"
        f" {disturbance.error_share:.0%} more errors and a TTFT x{disturbance.slowdown:g}"
    )
