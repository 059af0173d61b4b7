"""The report of a rollout as one page of HTML that asks nothing of any other place."""

import os
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

from canary.errors import InputError
from canary.judgement.verdict import Judged, Verdict
from canary.plan import RolloutPlan
from canary.record.audit import Audit
from canary.record.entry import OF_GATE, Entry, e_worse_of_all
from canary.record.plots import plots_of
from canary.record.quantity import clock, duration, e_value, moment, number, progress, share
from canary.rollout.actions import Note
from canary.rollout.state import Phase

# What each look says is in the plots; these are the decisions.
_UNTOLD: Final = frozenset(("Judged",))
_MAX_DECISIONS: Final = 500


def render_report(audit: Audit, rollout: str | None = None) -> str:
    """Return the page of one rollout, the last where none is named; raises InputError.

    Equal audits give equal pages, and what they say is escaped.
    """
    entries = audit.of(rollout).entries
    if not entries:
        raise InputError(f"the audit holds no rollout {rollout or ''}, must hold one")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("canary.record", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clock": clock,
        "moment": moment,
        "duration": duration,
        "share": share,
        "e": e_value,
        "number": number,
    }
    css = resources.files("canary.record").joinpath("report.css").read_text("utf-8")
    # The file is ours, and a style sheet has no entities.
    style = Markup(css)  # noqa: S704
    return environment.get_template("report.html.j2").render(
        css=style, num_broken=audit.num_broken, **_context(entries)
    )


def write_report(path: Path, page: str) -> None:
    """Put the page at the path whole or not at all; raises InputError."""
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as f:
            f.write(page)
        Path(f.name).chmod(0o644)
        os.replace(f.name, path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}, must be a path to write to") from None


def _context(entries: Sequence[Entry]) -> dict[str, Any]:
    last = entries[-1]
    judged = next((entry.judged for entry in reversed(entries) if entry.judged), None)
    plans = [entry.plan for entry in entries if entry.plan]
    decisions = [
        (entry, note)
        for entry in entries
        for note in entry.notes
        if note.is_warning or note.reason not in _UNTOLD
    ]
    return {
        "last": last,
        "took": last.time - last.began,
        "headline": _headline(last),
        "colour": _colour(last),
        "judged": judged,
        "findings": _rows(judged),
        "together": None if judged is None else e_worse_of_all(judged),
        "gate": _gate(decisions),
        "plots": plots_of(entries),
        "decisions": decisions[-_MAX_DECISIONS:],
        "num_left_out": max(len(decisions) - _MAX_DECISIONS, 0),
        "num_looks": sum(entry.sample is not None for entry in entries),
        "plan": _settings(plans[-1]) if plans else {},
    }


def _headline(last: Entry) -> str:
    match last.phase:
        case Phase.PROMOTED:
            return f"All users are on {last.canary_revision}"
        case Phase.ROLLED_BACK:
            return "All users are back on the stable template"
        case _ if last.hold:
            return f"Held with {last.known_percent} % of users on the canary"
        case _:
            return f"Under way, {last.known_percent} % of users on the canary"


def _colour(last: Entry) -> str:
    if last.phase is Phase.PROMOTED:
        return "good"
    if last.phase in (Phase.ROLLING_BACK, Phase.CLEANING, Phase.ROLLED_BACK):
        return "bad"
    return "held" if last.hold else "open"


def _gate(decisions: Sequence[tuple[Entry, Note]]) -> dict[str, Any] | None:
    """Return what the gate said last, with its numbers by revision and its evidence."""
    said = [note for _, note in decisions if note.reason in OF_GATE]
    if not said:
        return None
    last = said[-1]
    numbers = last.numbers
    by_revision = {
        revision: [
            numbers.get(f"{revision}_{name}") for name in ("right", "failed", "ttft_s", "warmups")
        ]
        for revision in ("canary", "stable")
    }
    evidence = {
        f"Evidence that it is {what}": (numbers.get(f"e_{test}"), numbers.get(f"{test}_threshold"))
        for what, test in (("worse by less than the margin", "pass"), ("worse by more", "fail"))
    }
    return {
        "note": last,
        "colour": dict(zip(OF_GATE, ("good", "bad", "held"), strict=True))[last.reason],
        "by_revision": by_revision if "num_pairs" in numbers else {},
        "num_pairs": numbers.get("num_pairs"),
        "evidence": evidence if "num_pairs" in numbers else {},
    }


def _rows(judged: Judged | None) -> list[dict[str, Any]]:
    """Return the findings, each with its bars' widths in percent."""
    if judged is None:
        return []
    colours = {Verdict.PROMOTE: "good", Verdict.ROLL_BACK: "bad", Verdict.INCONCLUSIVE: "held"}
    return [
        {
            "finding": finding,
            "colour": colours[finding.verdict],
            "worse": round(100 * progress(finding.e_worse, judged.worse_threshold)),
            "good": round(100 * progress(finding.e_good, judged.good_threshold)),
        }
        for finding in judged.findings
    ]


def _settings(plan: RolloutPlan) -> dict[str, str]:
    """Return the settings that say what the page's numbers mean, none of a secret's."""
    stages = ", ".join(
        f"{step.percent} % ({duration(step.min_duration)}, {step.min_requests} requests"
        f"{', approval' if step.approval else ''})"
        for step in plan.stages
    )
    judgement = plan.judgement
    return {
        "Stages": stages,
        "A look": f"every {duration(judgement.interval)}",
        "False rollback": f"at most {share(judgement.false_rollback)}",
        "False promotion": f"at most {share(judgement.false_promotion)}",
        "Gate": f"{plan.gate.num_prompts} prompts, {plan.gate.scorer}" if plan.gate else "none",
        "Inconclusive": f"for {duration(plan.limits.inconclusive)}, then {plan.limits.then}",
        "Unproven": f"for {duration(plan.limits.unproven)}, then {plan.limits.then}",
    }
