import pytest

from canary.judgement.verdict import Verdict
from canary.rollout.state import Phase
from tests.canary.rollout.bench import Bench
from tests.canary.rollout.model import R2


def good() -> Bench:
    return Bench()


def bad() -> Bench:
    return Bench(verdict=Verdict.ROLL_BACK)


def unproven() -> Bench:
    return Bench(verdict=Verdict.INCONCLUSIVE)


def wrong() -> Bench:
    return Bench(gate_verdict=Verdict.ROLL_BACK)


def crashing() -> Bench:
    bench = Bench()
    bench.model.crashed.add(R2)
    return bench


def silent() -> Bench:
    return Bench(gap="stale")


OVER = (Phase.PROMOTED, Phase.ROLLED_BACK)
WORLDS = [good, bad, unproven, wrong, crashing, silent]


def killed(bench: Bench, seconds: float) -> Bench:
    """Return the bench at its end, its controller killed between state and action so often."""
    while bench.rollout.phase not in OVER and bench.now < 20_000.0:
        bench.go(seconds)
        bench.now += 5.0
        bench.look()
        bench.die()
    return bench


@pytest.mark.parametrize("seconds", [0.0, 40.0], ids=["every other look", "every tenth look"])
@pytest.mark.parametrize("world", WORLDS)
def test_kills_change_neither_the_end_nor_its_reason(world, seconds):
    whole = world()
    whole.go(3000)
    bench = killed(world(), seconds)
    assert whole.rollout.phase in OVER
    assert (bench.rollout.phase, bench.rollout.reason) == (
        whole.rollout.phase,
        whole.rollout.reason,
    )
    assert bench.model.users() == whole.model.users()
