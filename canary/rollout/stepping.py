"""The stages, the bake among them: users on both revisions, judged at every interval."""

from dataclasses import replace

from canary.judgement.judge import is_suspect
from canary.judgement.verdict import Verdict
from canary.plan import Step
from canary.rollout import moves, route
from canary.rollout.actions import Advance, Judge, Note, Wait
from canary.rollout.kill_switch import why_kill, why_unserved
from canary.rollout.patience import (
    describe_problem,
    is_stopped,
    lose_patience,
    regain,
    why_overdue,
)
from canary.rollout.rolling_back import roll_back
from canary.rollout.seen import Reading, Seen
from canary.rollout.service import Service
from canary.rollout.state import HoldKind, Phase, Rollout
from canary.samples import Interval

_FRESH_S = 30.0


def step(rollout: Rollout, seen: Seen, service: Service, now: float) -> Advance:
    """Bring the stage's percent about, judge it, and leave it when it has proved enough.

    A hold stops neither the judging nor what rolls back: only what goes forward.
    """
    why = (
        why_kill(rollout, seen, service)
        or why_unserved(rollout, seen, service)
        or why_overdue(rollout, now)
    )
    if why:
        return roll_back(rollout, seen, service, why, now)
    canary, stable = rollout.canary_revision, rollout.stable_revision
    assert canary is not None
    if route.live_of(service) != rollout.wanted:
        return _raise(rollout, seen, service, now)
    percent = rollout.wanted.percent or 0
    if not route.is_split(service, canary=canary, stable=stable, percent=percent):
        why = f"status.traffic does not show {percent} % on {canary} and the rest on {stable}"
        rollout = moves.forget_interval(rollout)
        return lose_patience(rollout, seen, service, why, now, action=_soon(rollout, now))
    return _judge(rollout, seen, service, now)


def next_stage(rollout: Rollout) -> tuple[int, int] | None:
    """Return the index and percent of the first stage above the present percent."""
    percent = rollout.wanted.percent or 0
    for index, stage in enumerate(rollout.plan.stages):
        if stage.percent > percent:
            return index, stage.percent
    return None


def leave_stage(rollout: Rollout, now: float) -> tuple[Rollout, Note]:
    """Return the rollout in its next stage, or on its way to 100 %."""
    following = next_stage(rollout)
    if following is None:
        text = f"{rollout.canary_revision} is to have all users"
        return moves.enter(rollout, Phase.PROMOTING, now), Note("PromotionBegun", text)
    index, percent = following
    numbers = {"stage": index, "percent": percent}
    note = Note("StepBegun", f"{percent} % of the users", numbers=numbers)
    return moves.begin_stage(rollout, index, percent, now), note


def _raise(rollout: Rollout, seen: Seen, service: Service, now: float) -> Advance:
    rollout = moves.forget_interval(rollout)
    canary = rollout.canary_revision
    assert canary is not None
    if is_stopped(rollout):
        return Advance(rollout, Wait(moves.POLL_S))
    if not route.is_ready(service, canary):
        return lose_patience(rollout, seen, service, f"{canary} is not Ready", now)
    if seen.rejected is not None:
        why = f"{rollout.wanted.percent} % was refused: {seen.rejected}"
        return lose_patience(rollout, seen, service, why, now)
    return moves.reach(rollout, service, rollout.wanted, now)


def _judge(rollout: Rollout, seen: Seen, service: Service, now: float) -> Advance:
    reading = seen.reading
    if reading is not None and _is_of_this(rollout, reading):
        return _take(rollout, seen, reading, service, now)
    interval_s = rollout.plan.judgement.interval
    if seen.problem is not None:
        rollout = replace(rollout, judge_at=now + interval_s)
        notes = describe_problem(seen)
        return lose_patience(rollout, seen, service, seen.problem, now, notes=notes)
    if now - rollout.judge_at > rollout.plan.limits.unwatched:
        # What the split was meanwhile, nobody has seen.
        rollout = moves.forget_interval(rollout)
    # A clock that was ahead for a moment must not put off the next interval for longer than one.
    if now >= rollout.judge_at or rollout.judge_at - now > interval_s:
        action: Judge | Wait = Judge(rollout.evidence.until)
    else:
        action = Wait(min(moves.POLL_S, rollout.judge_at - now))
    if now - rollout.judge_at <= interval_s:
        # What the reading that is due says is the better reason.
        return Advance(rollout, action)
    return lose_patience(rollout, seen, service, "no interval was read", now, action=action)


def _is_of_this(rollout: Rollout, reading: Reading) -> bool:
    """Return whether it continues where the evidence ends, so that nothing counts twice."""
    start = None if reading.sample is None else reading.sample.start
    return start == rollout.evidence.until


def _take(rollout: Rollout, seen: Seen, reading: Reading, service: Service, now: float) -> Advance:
    rollout = replace(
        rollout, evidence=reading.evidence, judge_at=now + rollout.plan.judgement.interval
    )
    sample, judged = reading.sample, reading.judged
    if judged.verdict is Verdict.ROLL_BACK:
        notes = (_tell(rollout, reading, judged.reason),)
        return roll_back(rollout, seen, service, judged.reason, now, notes=notes)
    if sample is None:
        return lose_patience(rollout, seen, service, "the first interval has begun", now)
    if not isinstance(sample, Interval):
        notes = (_tell(rollout, reading, sample.reason),)
        return lose_patience(rollout, seen, service, sample.reason, now, notes=notes)
    notes = (_tell(rollout, reading, judged.reason),)
    rollout = replace(
        rollout,
        stage_requests=rollout.stage_requests + sample.canary.num_requests,
        stage_s=rollout.stage_s + sample.end - sample.start,
    )
    if not sample.canary.num_requests or not sample.stable.num_requests:
        why = f"{_idle(sample, rollout)} had no request in the interval"
        return lose_patience(rollout, seen, service, why, now, notes=notes)
    return _conclude(rollout, seen, service, now, notes=notes)


def _conclude(
    rollout: Rollout, seen: Seen, service: Service, now: float, *, notes: moves.Notes
) -> Advance:
    assert seen.reading is not None
    judged, sample = seen.reading.judged, seen.reading.sample
    assert isinstance(sample, Interval)
    if why := sample.lacks or _why_unanswered(sample, rollout):
        return lose_patience(rollout, seen, service, why, now, notes=notes)
    if is_suspect(judged):
        why = f"the evidence speaks against the canary: {judged.reason}"
        return lose_patience(rollout, seen, service, why, now, notes=notes)
    rollout, regained = regain(rollout, now)
    notes = (*notes, *regained)
    stage = rollout.plan.stages[rollout.stage]
    is_unproven = next_stage(rollout) is None and judged.verdict is not Verdict.PROMOTE
    if is_unproven and rollout.hold is not None and rollout.hold.kind is HoldKind.APPROVAL:
        held_s = rollout.held_s + max(0.0, now - rollout.hold.since)
        rollout = replace(rollout, hold=None, held_s=held_s)
        notes = (*notes, Note("HoldEnded", f"no longer proven: {judged.reason}", is_warning=True))
    if is_stopped(rollout) or not _has_minimums(rollout, stage):
        return Advance(rollout, Wait(moves.POLL_S), notes)
    if is_unproven:
        rollout = replace(rollout, due_since=rollout.due_since or now)
        return lose_patience(rollout, seen, service, judged.reason, now, notes=notes)
    if stage.approval:
        why = f"{stage.percent} % has proved enough, and waits for `r1-canary resume`"
        held, note = moves.hold(rollout, HoldKind.APPROVAL, why, now)
        return Advance(held, Wait(moves.POLL_S), (*notes, note))
    rollout, note = leave_stage(rollout, now)
    if rollout.phase is Phase.PROMOTING:
        return Advance(rollout, Wait(0.0), (*notes, note))
    return moves.reach(rollout, service, rollout.wanted, now, (*notes, note))


def _soon(rollout: Rollout, now: float) -> Wait:
    """Return a short wait while the Route is expected to follow: no interval begins before."""
    is_fresh = now - rollout.wanted_since < _FRESH_S
    return Wait(moves.URGENT_S if is_fresh else moves.POLL_S)


def _has_minimums(rollout: Rollout, stage: Step) -> bool:
    return rollout.stage_requests >= stage.min_requests and rollout.stage_s >= stage.min_duration


def _why_unanswered(sample: Interval, rollout: Rollout) -> str:
    """Return why the canary's requests prove nothing: none was answered, well or badly."""
    errors = sample.canary.counts.get("errors")
    if errors is None or errors.total:
        return ""
    return (
        f"{rollout.canary_revision} answered none of {sample.canary.num_requests} requests in the "
        "interval: their clients gave up, or were refused"
    )


def _idle(sample: Interval, rollout: Rollout) -> str:
    return str(rollout.stable_revision if sample.canary.num_requests else rollout.canary_revision)


def _tell(rollout: Rollout, reading: Reading, text: str) -> Note:
    numbers: dict[str, float | int | str | None] = {
        "verdict": reading.judged.verdict.value,
        "stage": rollout.stage,
        "percent": rollout.known.percent,
        "worse_threshold": reading.judged.worse_threshold,
        "good_threshold": reading.judged.good_threshold,
    }
    if isinstance(reading.sample, Interval):
        numbers["canary_requests"] = reading.sample.canary.num_requests
        numbers["stable_requests"] = reading.sample.stable.num_requests
    for finding in reading.judged.findings:
        numbers[f"{finding.metric}.e_worse"] = finding.e_worse
        numbers[f"{finding.metric}.e_good"] = finding.e_good
        numbers[f"{finding.metric}.canary_share"] = finding.canary_share
        numbers[f"{finding.metric}.stable_share"] = finding.stable_share
    return Note("Judged", text, numbers=numbers)
