"""One surprise that waits for the owner of a service."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trap:
    """``text`` says what happens, with the values that are there; ``remedy`` what to do."""

    name: str
    text: str
    remedy: str
    # Whether it holds of the service as it is now, not only once a rollout begins.
    is_now: bool = False
