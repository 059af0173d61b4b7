"""The gate: both ready, both warm, then prompts until the comparison has decided."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import Final

from canary.errors import InputError
from canary.gate.ask import Failure, Revision
from canary.gate.compare import fewest_pairs
from canary.gate.prompts import Prompt, problems, prompts_of
from canary.gate.steady import NUM_HALF, is_steady
from canary.gate.tally import GateOutcome, Tally
from canary.gate.target import Gateway, Target
from canary.gate.work import Work, working
from canary.judgement.verdict import Verdict
from canary.plan import Gate, Judgement, RolloutPlan
from canary.rollout.seen import GateResult
from canary.rollout.service import Service
from canary.rollout.state import Rollout

# Pairs under way together: answers of a real model take seconds each.
NUM_TOGETHER: Final = 4
# A pod that is Ready answers; what stands between may take a moment to know it.
READY_S: Final = 30.0
_POLL_S: Final = 1.0
_ORDERS: Final = (("canary", "stable"), ("stable", "canary"))


class _Inconclusive(Exception):
    """The questions cannot be asked; its text says why, and ``numbers`` how far it came."""

    def __init__(self, why: str, numbers: Mapping[str, float | int]) -> None:
        super().__init__(why)
        self.numbers = numbers


def make_gate(
    plan: RolloutPlan, gateway: Gateway, service: Service, *, on_wait: Callable[[], None]
) -> Callable[[Rollout], GateResult]:
    """Return the gate of a service; equal rollouts ask equal questions."""
    canary, stable = gateway.targets(service.name, service.namespace)

    def gate(rollout: Rollout) -> GateResult:
        assert plan.gate is not None, "no gate to run"
        seed = int(rollout.id, 16)
        outcome = run_gate(plan.gate, plan.judgement, canary, stable, seed=seed, on_wait=on_wait)
        return GateResult(outcome.verdict, outcome.text, outcome.numbers)

    return gate


def refusals(gate: Gate, judgement: Judgement) -> list[str]:
    """Return why no canary could pass, a line each; for preflight and lint."""
    try:
        num_prompts = len(prompts_of(gate, seed=0))
    except InputError as error:
        return [str(error)]
    fewest = fewest_pairs(gate.margin, judgement.false_promotion)
    if num_prompts >= fewest:
        return []
    return [
        f"the gate has {num_prompts} prompts, must have at least {fewest}: a canary without a "
        f"fault needs as many to be proven within gate.margin, {gate.margin:g}"
    ]


def run_gate(
    gate: Gate,
    judgement: Judgement,
    canary: Target,
    stable: Target,
    *,
    seed: int,
    on_wait: Callable[[], None],
    model: str | None = None,
) -> GateOutcome:
    """Return how the canary compares; requests that fail count or are told, and never raise.

    ``on_wait`` is called about each second, in the caller's thread; what it raises ends the gate.
    """
    try:
        prompts = prompts_of(gate, seed)
        with ExitStack() as stack:
            arms = {"canary": Revision(canary), "stable": Revision(stable)}
            for revision in arms.values():
                stack.callback(revision.close)
            work = stack.enter_context(working(2 * NUM_TOGETHER, on_wait))
            _await_ready(arms, model, work)
            ttfts_s = _warm_up(arms, gate, seed, work)
            tally = _compare(arms, prompts, gate.max_tokens, Tally(gate, judgement), work)
    except InputError as error:
        return GateOutcome(Verdict.INCONCLUSIVE, str(error))
    except _Inconclusive as error:
        return GateOutcome(Verdict.INCONCLUSIVE, str(error), error.numbers)
    warm_s = {arm: median(each[-NUM_HALF:]) for arm, each in ttfts_s.items()}
    return tally.outcome(warm_s, {arm: len(each) for arm, each in ttfts_s.items()})


def _await_ready(arms: Mapping[str, Revision], model: str | None, work: Work) -> None:
    deadline = time.monotonic() + READY_S
    calls = [partial(revision.find_model, model) for revision in arms.values()]
    while True:
        try:
            found = dict(zip(arms, work.do(calls), strict=True))
        except InputError as error:
            # A header's file: who renews it may be about to mend it.
            found = dict.fromkeys(arms, Failure(str(error)))
        failed = {arm: failure.reason for arm, failure in found.items() if failure is not None}
        if not failed:
            return
        if time.monotonic() > deadline:
            said = ", ".join(f"{arm}: {reason}" for arm, reason in failed.items())
            why = f"not ready at the tag hosts after {READY_S:g} s ({said})"
            raise _Inconclusive(why, {"num_unready": len(failed), "waited_s": READY_S})
        work.do([partial(time.sleep, _POLL_S)])


def _warm_up(
    arms: Mapping[str, Revision], gate: Gate, seed: int, work: Work
) -> dict[str, list[float]]:
    """Return each arm's times to first token, the last of them steady."""
    deadline = time.monotonic() + gate.max_warmup
    # Other ones than the questions: prefixes that are cached already have another TTFT.
    questions = problems(seed + 1)
    ttfts: dict[str, list[float]] = {arm: [] for arm in arms}
    failures: Counter[str] = Counter()
    while moving := [arm for arm in arms if not is_steady(ttfts[arm])]:
        if time.monotonic() > deadline:
            why = _why_unsteady(moving, ttfts, failures, gate.max_warmup)
            raise _Inconclusive(why, _numbers_of(ttfts, failures))
        question = next(questions)
        calls = [
            partial(arms[arm].time_to_first_token, question, gate.max_tokens) for arm in moving
        ]
        for arm, ttft in zip(moving, work.do(calls), strict=True):
            if isinstance(ttft, Failure):
                failures[f"{arm}: {ttft.reason}"] += 1
                # It may fail in no time.
                work.do([partial(time.sleep, _POLL_S)])
            else:
                ttfts[arm].append(ttft)
    return ttfts


def _why_unsteady(
    moving: Sequence[str],
    ttfts: Mapping[str, Sequence[float]],
    failures: Mapping[str, int],
    limit_s: float,
) -> str:
    told = [f"{arm} after {len(ttfts[arm])} answers" for arm in moving]
    told += [f"{number} times {reason}" for reason, number in failures.items()]
    return f"TTFT is not steady after {limit_s:g} s ({', '.join(told)})"


def _numbers_of(
    ttfts: Mapping[str, Sequence[float]], failures: Mapping[str, int]
) -> dict[str, int]:
    return {
        "canary_warmups": len(ttfts["canary"]),
        "stable_warmups": len(ttfts["stable"]),
        "failed_warmups": sum(failures.values()),
    }


def _compare(
    arms: Mapping[str, Revision],
    prompts: Sequence[Prompt],
    max_tokens: int,
    tally: Tally,
    work: Work,
) -> Tally:
    """Ask until the tally has decided or the prompts are used up."""
    for begin in range(0, len(prompts), NUM_TOGETHER):
        for prompt, canary, stable in _ask(arms, prompts, begin, max_tokens, work):
            tally.add(prompt, canary, stable)
            if tally.verdict is not Verdict.INCONCLUSIVE:
                return tally
    return tally


def _ask(
    arms: Mapping[str, Revision],
    prompts: Sequence[Prompt],
    begin: int,
    max_tokens: int,
    work: Work,
) -> list[tuple[Prompt, str | Failure, str | Failure]]:
    """Return the canary's and the stable answers to some prompts.

    They are asked in the order canary, stable, stable, canary: neither is always the first.
    """
    some = prompts[begin : begin + NUM_TOGETHER]
    orders = [_ORDERS[index % 2] for index in range(len(some))]
    calls = [
        partial(arms[arm].answer, prompt, max_tokens)
        for prompt, order in zip(some, orders, strict=True)
        for arm in order
    ]
    answers = work.do(calls)
    pairs = zip(answers[::2], answers[1::2], strict=True)
    return [
        (prompt, pair[order.index("canary")], pair[order.index("stable")])
        for prompt, order, pair in zip(some, orders, pairs, strict=True)
    ]
