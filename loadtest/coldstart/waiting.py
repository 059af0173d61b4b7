"""Waiting until no pod of a service is left; nothing is sent to it meanwhile."""

import time
from collections.abc import Callable
from typing import Final

from loadtest.coldstart.cluster import PodList
from loadtest.coldstart.pods import Pod
from loadtest.coldstart.watching import Pods
from loadtest.errors import TargetError
from loadtest.run.interrupts import Interrupts

_SAY_S: Final = 10.0
_LOOK_S: Final = 1.0


def await_zero(
    cluster: Pods,
    service: str,
    limit_s: float,
    interrupts: Interrupts,
    *,
    say: Callable[[str], None],
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> PodList | None:
    """Return the first list without a pod; None at an interrupt.

    Every 10 s it says which pods are left. Raises TargetError after the limit.
    """
    began = now()
    say_at = began + _SAY_S
    while not interrupts.num:
        listed = cluster.list_pods(service)
        if not listed.pods:
            return listed
        waited_s = now() - began
        left = ", ".join(map(_describe, listed.pods))
        if waited_s >= limit_s:
            raise TargetError(
                f"InferenceService {service} is not scaled to zero after {limit_s:g} s: {left}"
            )
        if now() >= say_at:
            say_at += _SAY_S
            say(f"waiting until scaled to zero, {waited_s:.0f} s so far: {left}")
        sleep(min(_LOOK_S, limit_s - waited_s))
    return None


def _describe(pod: Pod) -> str:
    return f"pod {pod.name}{' is terminating' if pod.is_terminating else ' is there'}"
