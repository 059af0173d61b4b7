"""From the one patch that starts a rollout to the first users: STARTING and GATING."""

from canary.judgement.verdict import Verdict
from canary.rollout import moves, route
from canary.rollout.actions import Advance, Note, RunGate, Wait
from canary.rollout.kill_switch import why_kill
from canary.rollout.patience import is_stopped, lose_patience, why_overdue
from canary.rollout.rolling_back import roll_back
from canary.rollout.seen import Seen
from canary.rollout.service import Service
from canary.rollout.state import Live, Phase, Rollout


def start(rollout: Rollout, seen: Seen, service: Service, now: float) -> Advance:
    """Send the target template with percent 0, then wait for its revision beside the stable one."""
    if why := why_kill(rollout, seen, service) or _why_not_started(rollout, service, now):
        return roll_back(rollout, seen, service, why, now)
    if is_stopped(rollout):
        return Advance(rollout, Wait(moves.POLL_S))
    target = Live(rollout.target.fingerprint, 0)
    if route.live_of(service) != target:
        if seen.rejected is not None:
            why = f"the start patch was refused: {seen.rejected}"
            # An answer, so nothing of it is under way.
            return roll_back(moves.know(rollout, service, now), seen, service, why, now)
        note = Note("Started", f"{service.name} gets its new template with 0 % of the users")
        notes = () if rollout.wanted == target else (note,)
        return moves.reach(rollout, service, target, now, notes)
    if not _is_beside(rollout, service):
        return Advance(rollout, Wait(moves.POLL_S))
    note = Note(
        "CanaryReady",
        f"{rollout.canary_revision} is Ready at 0 % beside {rollout.stable_revision}",
        numbers={"seconds": now - rollout.phase_since},
    )
    if rollout.plan.gate is not None:
        return Advance(moves.enter(rollout, Phase.GATING, now), RunGate(), (note,))
    return _open(rollout, service, now, (note,))


def ask(rollout: Rollout, seen: Seen, service: Service, now: float) -> Advance:
    """Let the gate compare both revisions by their tag hosts, before any user is asked to."""
    if why := why_kill(rollout, seen, service) or why_overdue(rollout, now):
        return roll_back(rollout, seen, service, why, now)
    if seen.gate is not None and seen.gate.verdict is Verdict.ROLL_BACK:
        failed = Note("GateFailed", seen.gate.reason, is_warning=True, numbers=seen.gate.numbers)
        why = f"the gate failed: {seen.gate.reason}"
        return roll_back(rollout, seen, service, why, now, notes=(failed,))
    if not _is_beside(rollout, service):
        why = f"{rollout.canary_revision} is not Ready at 0 %"
        return lose_patience(rollout, seen, service, why, now)
    if is_stopped(rollout):
        return Advance(rollout, Wait(moves.POLL_S))
    if seen.gate is not None and seen.gate.verdict is Verdict.PROMOTE:
        passed = Note("GatePassed", seen.gate.reason, numbers=seen.gate.numbers)
        return _open(rollout, service, now, (passed,))
    why_not = seen.problem or (seen.gate.reason if seen.gate else None)
    if why_not is None:
        return Advance(rollout, RunGate())
    why = f"the gate says nothing: {why_not}"
    numbers = seen.gate.numbers if seen.gate is not None else {}
    notes = (Note("GateInconclusive", why, is_warning=True, numbers=numbers),)
    return lose_patience(rollout, seen, service, why, now, notes=notes)


def _why_not_started(rollout: Rollout, service: Service, now: float) -> str | None:
    if is_stopped(rollout):
        return None
    unreconciled = route.why_unreconciled(service)
    if unreconciled and now - rollout.phase_since > rollout.plan.limits.rollback:
        return f"the template made no revision: {unreconciled}"
    limit = rollout.plan.limits.start
    if now - rollout.phase_since > limit:
        condition = service.conditions.get("PredictorReady")
        message = condition.message if condition else ""
        return f"the canary is not Ready after {limit:g} s: {message or 'no reason in status'}"
    return why_overdue(rollout, now)


def _is_beside(rollout: Rollout, service: Service) -> bool:
    canary = rollout.canary_revision
    return canary is not None and route.is_split(
        service, canary=canary, stable=rollout.stable_revision, percent=0
    )


def _open(rollout: Rollout, service: Service, now: float, notes: tuple[Note, ...]) -> Advance:
    percent = rollout.plan.stages[0].percent
    rollout = moves.begin_stage(rollout, 0, percent, now)
    begun = Note("StepBegun", f"{percent} % of the users", numbers={"stage": 0, "percent": percent})
    return moves.reach(rollout, service, rollout.wanted, now, (*notes, begun))
