"""The cold-start probe's report.json; durations are seconds, from when the request was begun."""

from typing import Any, Literal

from loadtest.report.schema import Gate, Interval, Percentile, Run, Target, Value, Verdict


class ScaledService(Value):
    """The InferenceService that was waited for; ``mode`` is KServe's deployment mode."""

    name: str
    namespace: str
    mode: str


class Moment(Value):
    """``low_s..high_s`` holds the moment, as far as the clocks can be believed."""

    name: str
    at_s: float
    low_s: float
    high_s: float


class Phase(Interval):
    """What was waited for between two moments; with '+' where none is known in between."""

    name: str
    # False: the request ended within it.
    is_finished: bool


class ColdStart(Value):
    """One request to a service without a pod; ``phases`` add up to ``ttft_s``, if any."""

    number: int
    started_at: str
    # Until no pod was left, before the request.
    waited_s: float
    outcome: str
    status: int
    detail: str
    # False: somebody else had woken the service; in no statistic.
    is_cold: bool
    ttft_s: float | None
    e2e_s: float | None
    pod: str | None
    num_pods: int
    num_restarts: int
    # Whether the node had the image; null where no event tells.
    image_was_present: bool | None
    moments: list[Moment]
    phases: list[Phase]
    remarks: list[str]
    clock_skew_s: Interval


class Statistic(Value):
    """Over the cold starts that have it; percentiles only where they are enough for both bounds."""

    count: int
    least: float
    most: float
    mean: float
    percentiles: list[Percentile]


class ColdStartReport(Value):
    """``statistics`` are of ttft, e2e and of each phase by its name."""

    schema_version: Literal[1] = 1
    kind: Literal["coldstart"] = "coldstart"
    run: Run
    target: Target
    config: dict[str, Any]
    service: ScaledService
    num_asked: int
    starts: list[ColdStart]
    statistics: dict[str, Statistic]
    gates: list[Gate]
    verdict: Verdict
    exit_code: int
    # Why it ended; empty where all that was asked for was done.
    reason: str
    definitions: dict[str, str]
