"""What the pods of a revision do: whether they become ready, and how their requests fare."""

from dataclasses import dataclass

from tests.canary.simulator.world import TRUE, UNKNOWN, Condition


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Seconds, and shares of 0 to 1; None where it never happens."""

    # After the revision was created.
    ready_after_s: float | None = 20.0
    # Instead of becoming ready: each start ends with exit code 1.
    fails_after_s: float | None = None
    # After it became ready.
    crashes_after_s: float | None = None
    # After it crashed.
    recovers_after_s: float | None = None
    # Of requests.
    error_share: float = 0.0005
    refused_share: float = 0.0
    truncated_share: float = 0.0
    length_share: float = 0.05
    # Medians of lognormal distributions, and their spread.
    ttft_s: float = 0.15
    inter_token_s: float = 0.012
    spread: float = 0.4
    mean_tokens: float = 100.0
    # Of answers: one of its gaps lasts so long.
    stall_share: float = 0.0
    stall_s: float = 2.0


GOOD = Behaviour()
RESTART_EVERY_S = 20.0


def readiness(behaviour: Behaviour, age_s: float) -> Condition:
    """Return the Ready condition of a revision of this age."""
    if behaviour.fails_after_s is not None:
        return _crashed() if age_s >= behaviour.fails_after_s else UNKNOWN
    if behaviour.ready_after_s is None or age_s < behaviour.ready_after_s:
        return UNKNOWN
    return _crashed() if _is_down(behaviour, age_s) else TRUE


def num_restarts(behaviour: Behaviour, age_s: float) -> int:
    """Return how often the container of a pod of this age has been started again."""
    down_since = _down_since(behaviour)
    if down_since is None or age_s < down_since:
        return 0
    until = age_s
    if behaviour.recovers_after_s is not None:
        until = min(age_s, down_since + behaviour.recovers_after_s)
    return 1 + int((until - down_since) / RESTART_EVERY_S)


def _crashed() -> Condition:
    return Condition("False", "ExitCode1", "Container failed with: exit code 1")


def _down_since(behaviour: Behaviour) -> float | None:
    if behaviour.fails_after_s is not None:
        return behaviour.fails_after_s
    if behaviour.ready_after_s is None or behaviour.crashes_after_s is None:
        return None
    return behaviour.ready_after_s + behaviour.crashes_after_s


def _is_down(behaviour: Behaviour, age_s: float) -> bool:
    since = _down_since(behaviour)
    if since is None or age_s < since:
        return False
    return behaviour.recovers_after_s is None or age_s < since + behaviour.recovers_after_s
