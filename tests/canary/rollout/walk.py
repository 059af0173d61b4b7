"""Seeded walks through the faults, each with a few kinds of them: those kinds meet more often."""

import random
from collections.abc import Callable

from canary.judgement.verdict import Verdict
from canary.rollout.state import Command
from tests.canary.rollout.machine import Faults

Fault = Callable[[Faults, random.Random], None]
_LOOKS = (0, 1, 2, 3, 5, 8, 13, 21, 34)
_PERCENTS = (None, 0, 5, 30, 95, 100)
FAULTS: tuple[Fault, ...] = (
    lambda m, rng: m.look_again_before_the_controllers_have_run(rng.choice(_LOOKS)),
    lambda m, rng: m.die_after_the_state_is_written(rng.choice(_LOOKS)),
    lambda m, rng: m.lose_the_answer_to_a_patch(rng.choice(_LOOKS)),
    lambda m, rng: m.pending and m.let_a_lost_patch_land(),
    lambda m, rng: m.be_written_to_before_the_patch(rng.choice(_LOOKS)),
    lambda m, rng: m.crash_the_canary(rng.choice(_LOOKS)),
    lambda m, rng: m.crash_the_stable_revision(rng.choice(_LOOKS)),
    lambda m, rng: m.crash_the_canary_unnoticed_by_its_pods(rng.choice(_LOOKS)),
    lambda m, rng: m.mend_the_canary(rng.choice(_LOOKS)),
    lambda m, rng: m.let_new_pods_be_slow(rng.choice(("target", "stable")), rng.choice(_LOOKS)),
    lambda m, rng: m.stop_the_controllers(rng.choice(_LOOKS)),
    lambda m, rng: m.judge_otherwise(_verdict(rng), _verdict(rng), rng.choice(_LOOKS)),
    lambda m, rng: m.lose_prometheus(
        rng.choice((None, "stale")), rng.choice((None, "refused")), rng.choice(_LOOKS)
    ),
    lambda m, rng: m.change_the_rate(rng.choice((0.0, 2.0, 20.0))),
    lambda m, rng: m.skip_time(rng.choice((60.0, 150.0, 400.0, -30.0))),
    lambda m, rng: m.watch(),
)
PEOPLE: tuple[Fault, ...] = (
    lambda m, rng: m.upgrade_kserve(rng.choice(_LOOKS)),
    lambda m, rng: m.change_the_defaults(
        rng.choice((None, "defaults_digest is b, was a")), rng.choice(_LOOKS)
    ),
    lambda m, rng: m.command(rng.choice(list(Command)), rng.choice(_LOOKS)),
    lambda m, rng: m.edit_by_hand(rng.choice(_PERCENTS), None, rng.choice(_LOOKS)),
    lambda m, rng: m.edit_by_hand(
        rng.choice(_PERCENTS), rng.choice(("stable", "others")), rng.choice(_LOOKS)
    ),
)


def walk(seed: int) -> Faults:
    """Return the machine at the end of one run, everything checked on the way."""
    rng = random.Random(seed)
    machine = Faults()
    has_people = rng.random() < 0.4
    machine.begin(has_people=has_people, is_racy=rng.random() < 0.1)
    machine.bench.rate_rps = rng.choice((2.0, 20.0))
    kinds = rng.sample(FAULTS, rng.randint(1, 5)) + list(PEOPLE if has_people else ())
    for _ in range(rng.randint(1, 15)):
        machine.run(rng.choice(_LOOKS))
        rng.choice(kinds)(machine, rng)
        machine.users_of_a_run_that_nobody_edits_are_on_its_two_templates()
    machine.teardown()
    return machine


def _verdict(rng: random.Random) -> Verdict:
    return rng.choice((Verdict.PROMOTE, Verdict.PROMOTE, *Verdict))
