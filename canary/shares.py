"""What is judged: shares of events that are bad, each read from counters."""

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Which change of a share is a regression."""

    MORE = "more"
    # Finish reasons and lengths: fewer is as suspicious as more.
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Share:
    """Bad events among all; the selectors are PromQL's, of counters that have a revision label.

    Exactly one of ``bad`` and ``good`` is given: what a histogram's bucket holds is good.
    """

    # Such as "errors", "ttft>0.5s", "finish=length", "completion_tokens>256".
    key: str
    # The metric's name in the rollout file; shares of one metric are judged together.
    metric: str
    total: str
    bad: str | None = None
    good: str | None = None
    direction: Direction = Direction.MORE
    # Depends on how full a batch is, so unequal load per pod confounds it.
    depends_on_load: bool = False
    # There are many a request, alike among themselves.
    is_per_token: bool = False
