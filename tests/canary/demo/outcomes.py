"""What a scenario came to, by the tool's audit and the load tester's report."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from canary.record.audit import read_audit
from canary.record.entry import Entry
from canary.samples import Interval
from tests.canary.demo.scenarios import Scenario

_ENDED = ("Promoted", "RolledBack")
_DECIDED = ("PromotionBegun", "RollbackBegun")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Times in seconds; the users' requests are those of the load tester.

    ``verdict_s`` is from the first user, or from the gate's begin where no user came.
    """

    scenario: Scenario
    status: int
    had_users: bool
    verdict_s: float
    total_s: float
    reason: str
    num_requests: int
    num_canary: int
    num_failed: int
    num_wrong: int

    @property
    def problems(self) -> list[str]:
        """Return what is not as the scenario says."""
        scenario, found = self.scenario, []
        if self.status != scenario.status:
            found.append(f"exit status {self.status}, must be {int(scenario.status)}")
        if self.had_users == scenario.by_gate:
            found.append("users came" if self.had_users else "no user came")
        if self.verdict_s > scenario.limit_s:
            found.append(f"verdict after {self.verdict_s:.0f} s, limit {scenario.limit_s:.0f} s")
        return found


def read_outcome(scenario: Scenario, status: int, audit: Path, load: Path) -> Outcome:
    """Return what the files of a run say."""
    entries = read_audit(audit).entries
    report = json.loads((load / "report.json").read_text())
    counts, answers = report["counts"], report["answers"]
    times = _times(entries)
    began = times.get("StepBegun", times["CanaryReady"])
    decided = next(times[name] for name in _DECIDED if name in times)
    return Outcome(
        scenario=scenario,
        status=status,
        had_users="StepBegun" in times,
        verdict_s=decided - began,
        total_s=entries[-1].time - entries[0].time,
        reason=_reason(entries),
        num_requests=counts["scheduled"],
        num_canary=sum(sample.canary.num_requests for sample in _intervals(entries)),
        num_failed=counts["scheduled"] - counts["outcomes"].get("ok", 0),
        num_wrong=answers["num_checked"] - answers["num_right"],
    )


def table(outcomes: Sequence[Outcome], command: str) -> str:
    """Return a table in Markdown."""
    rows = [
        "| scenario | the canary | verdict | first user to verdict | limit | whole rollout "
        "| canary's requests | all users' requests | failed | wrong |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|",
        *map(_row, outcomes),
    ]
    return "\n".join(rows) + f"\n\nBy `{command}`.\n"


def _row(outcome: Outcome) -> str:
    scenario = outcome.scenario
    faults = ", ".join(f"`{name}` {value}" for name, value in scenario.faults.items())
    verdict = "promoted" if outcome.status == 0 else "rolled back"
    when = f"{outcome.verdict_s:.0f} s"
    if not outcome.had_users:
        verdict, when = f"{verdict} by the gate", f"no user; {when} of gate"
    cells = [
        *(scenario.name, faults or "the same", verdict, when, f"{scenario.limit_s:.0f} s"),
        *(f"{outcome.total_s:.0f} s", f"{outcome.num_canary}"),
        *(f"{outcome.num_requests}", f"{outcome.num_failed}", f"{outcome.num_wrong}"),
    ]
    return f"| {' | '.join(cells)} |"


def _times(entries: Sequence[Entry]) -> dict[str, float]:
    """Return when each kind of decision was first taken."""
    times: dict[str, float] = {}
    for entry in entries:
        for note in entry.notes:
            times.setdefault(note.reason, entry.time)
    return times


def _reason(entries: Sequence[Entry]) -> str:
    notes = [note for entry in entries for note in entry.notes if note.reason in _DECIDED]
    return notes[0].text if notes else ""


def _intervals(entries: Sequence[Entry]) -> Iterator[Interval]:
    for entry in entries:
        if isinstance(entry.sample, Interval):
            yield entry.sample
