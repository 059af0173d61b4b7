"""The rollout file's settings; each is declared once, for the file, its schema and the state."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from canary.policies import Metrics
from canary.settings import (
    Duration,
    File,
    Flag,
    Matchers,
    Name,
    Namespace,
    Number,
    Percent,
    Probability,
    Settings,
    Share,
    SomeTime,
    Url,
    write_duration,
)


class Step(Settings):
    """A share of users, for at least so long and so many requests of the canary's."""

    percent: Percent
    """Users of the canary, in percent; each step has more."""
    min_duration: Duration = 300.0
    """The step is left no earlier."""
    min_requests: Number = 100
    """Requests that the canary must have ended in this step before it is left."""
    approval: Flag = False
    """Whether to wait for `r1-canary resume` before the step is left."""


class Judgement(Settings):
    """Error probabilities of the whole rollout, over every look at every metric."""

    interval: SomeTime = 30.0
    """Between two looks; Prometheus must have scraped at least twice in it."""
    false_rollback: Probability = 0.01
    """Probability that an equal canary is rolled back."""
    false_promotion: Probability = 0.05
    """Probability that a canary at a metric's margin is promoted."""


class Gate(Settings):
    """Before any user: prompts to both revisions by their tag hosts."""

    prompts: File | None = None
    """A file with a JSON object a line, {"prompt": ..., "expected": ...}, the latter
    optional; without it arithmetic problems whose answers are known."""
    num_prompts: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 200
    """Prompts asked of each revision."""
    margin: Share = 0.05
    """The canary may be right this much less often than the stable revision, as a share of
    prompts."""
    scorer: Literal["expected", "equal", "final-number"] = "final-number"
    """What is right: the expected text, the stable revision's answer, or the expected number,
    which must be the answer's last."""
    max_warmup: SomeTime = 600.0
    """For so long at most both revisions are warmed until their TTFT is steady."""
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = 512
    """Tokens an answer may have."""


class Prometheus(Settings):
    """Where the counters are read; a token is read from its file at each request."""

    url: Url = "http://prometheus.monitoring:9090"
    """Base URL, without credentials."""
    revision_label: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")] = "revision"
    """Label of the series that names the revision."""
    matchers: Matchers = ""
    """Further matchers of each series."""
    bearer_token_file: File | None = None
    """A file that holds the token."""
    ca_file: File | None = None
    """A file of certificates to trust, PEM."""


class Limits(Settings):
    """What may take how long before the rollout is ended by itself."""

    start: SomeTime = 2400.0
    """From the first patch to a Ready canary."""
    rollback: SomeTime = 120.0
    """Until status.traffic shows percent 0; then the Route counts as frozen."""
    promote: SomeTime = 300.0
    """Until status shows the canary rolled out."""
    inconclusive: SomeTime = 1800.0
    """No interval that counts, for want of data, traffic or readiness, or for evidence against the
    canary short of a verdict, for so long: `then`. After half of it the rollout is held, which is
    told and ends by itself once an interval counts."""
    unproven: SomeTime = 14_400.0
    """Intervals that count, and nothing missing but the proof, for so long: `then`, after half of
    it a hold likewise."""
    then: Literal["roll_back", "hold"] = "roll_back"
    """What follows the hold."""
    unwatched: SomeTime = 900.0
    """Split traffic that nobody has watched for so long is rolled back by the watchdog."""
    total: SomeTime = 86_400.0
    """Of the whole rollout; of each where `restore` makes them two."""


class Restore(Settings):
    """After the promotion, a second rollout: the manifest's own minReplicas, judged like any
    other."""

    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=50)] = (Step(percent=50),)
    """Its steps before the bake, each with more users than the one before; a small first step
    may let the canary go to zero."""
    bake: Step = Step(percent=95, min_duration=900.0, min_requests=1000)
    """Its last step below 100."""

    @model_validator(mode="after")
    def _check_steps(self) -> Self:
        _check_rising((*self.steps, self.bake))
        return self


class RolloutPlan(Settings):
    """A rollout file."""

    service: Name
    """Name of the InferenceService."""
    namespace: Namespace
    """Its namespace."""
    manifest: File
    """A path beside the rollout file; only spec.predictor of its InferenceService is read."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=50)] = (
        Step(percent=5),
        Step(percent=25),
        Step(percent=50),
    )
    """The steps before the bake, each with more users than the one before."""
    bake: Step = Step(percent=95, min_duration=900.0, min_requests=1000)
    """The last step below 100, where the stable revision is still warm; only a proven canary
    leaves it."""
    min_replicas: Annotated[int, Field(ge=1, le=1000, strict=True)] | None = None
    """Put into the target template in the one patch that starts the rollout."""
    restore: Restore | None = None
    """After the promotion a second rollout puts the manifest's own minReplicas back, judged like
    any other; null leaves min_replicas in place."""
    metrics: Metrics = Metrics()
    """What is judged."""
    judgement: Judgement = Judgement()
    """How surely."""
    gate: Gate | None = Gate()
    """What is asked of the canary before any user; null for nothing."""
    prometheus: Prometheus = Prometheus()
    """Where the counters are read."""
    limits: Limits = Limits()
    """What may take how long."""
    webhook_url_file: File | None = None
    """A file that holds the URL to be told of decisions, which is a secret."""
    webhook_format: Literal["json", "slack"] = "json"
    """What is posted there: every number, or a text as Slack takes it."""

    @model_validator(mode="after")
    def _check_steps(self) -> Self:
        _check_rising(self.stages)
        return self

    @model_validator(mode="after")
    def _check_restore(self) -> Self:
        if self.restore is not None and self.min_replicas is None:
            raise ValueError(
                "restore is given without min_replicas, must be left out then: there is nothing "
                "to put back"
            )
        return self

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        limits, interval = self.limits, self.judgement.interval
        rollouts = {
            "the steps and the bake": self,
            "restore.steps and restore.bake": self.restoring,
        }
        for name, rollout in rollouts.items():
            least = sum(step.min_duration for step in rollout.stages) if rollout else 0.0
            if limits.total <= least:
                raise ValueError(
                    f"limits.total is {write_duration(limits.total)}, must be more than the "
                    f"{write_duration(least)} that {name} take at least"
                )
        for name in ("unwatched", "inconclusive", "unproven"):
            # Else one slow look is taken for the end of all of them.
            if getattr(limits, name) < 2 * interval:
                raise ValueError(
                    f"limits.{name} is {write_duration(getattr(limits, name))}, must be at least "
                    f"twice judgement.interval, {write_duration(interval)}"
                )
        return self

    @property
    def stages(self) -> tuple[Step, ...]:
        """Return the steps and the bake, in turn."""
        return (*self.steps, self.bake)

    @property
    def restoring(self) -> "RolloutPlan | None":
        """Return the plan of the rollout that follows the promotion; None where none does."""
        if self.restore is None:
            return None
        steps, bake = self.restore.steps, self.restore.bake
        changes = {"steps": steps, "bake": bake, "min_replicas": None, "restore": None}
        return self.model_copy(update=changes)


def _check_rising(stages: Sequence[Step]) -> None:
    for earlier, later in pairwise(stage.percent for stage in stages):
        if later <= earlier:
            raise ValueError(f"steps and bake must rise, but {later} % comes after {earlier} %")
