"""What commands use of the process that they run in."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random, SystemRandom

import typer


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``sleep`` and ``monotonic`` are of seconds."""

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    rng: Random = field(default_factory=SystemRandom)


def surroundings_of(invocation: typer.Context) -> Surroundings:
    """Return what ``main`` was given."""
    found = invocation.obj
    assert isinstance(found, Surroundings), "main gives them"
    return found
