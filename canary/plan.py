"""The rollout file's settings; each is declared once, for the file, its schema and the state."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from canary.settings import (
    Duration,
    Edge,
    File,
    Flag,
    Matchers,
    Name,
    Namespace,
    Number,
    Percent,
    Probability,
    Ratio,
    Selector,
    Share,
    SomeTime,
    Url,
    write_duration,
)
from canary.settings import (
    parse_duration as parse_duration,
)


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Step(_Settings):
    """A share of users, for at least so long and so many requests of the canary's."""

    percent: Percent
    """Users of the canary, in percent; each step has more."""
    min_duration: Duration = 300.0
    """The step is left no earlier."""
    min_requests: Number = 100
    """Requests that the canary must have ended in this step before it is left."""
    approval: Flag = False
    """Whether to wait for `r1-canary resume` before the step is left."""


class MetricPolicy(_Settings):
    """How one metric is judged; ratios are odds ratios of the canary's share to the stable's.

    Source: the e-process of two proportions (Turner, Ly and Gruenwald 2024) with a margin.
    """

    tolerance: Ratio = 1.0
    """Odds ratio up to which the canary counts as no worse: it is rolled back only on
    evidence of more."""
    margin: Ratio = 2.0
    """Odds ratio: promoted only on evidence of less, or of a share below cap. More than
    tolerance."""
    cap: Share | None = None
    """Share that the canary may have at most: on evidence of more it is rolled back, but for
    intervals in which the stable revision's is half as large or larger. Of one edge, where there
    are edges."""
    edges: Annotated[tuple[Edge, ...], Field(max_length=16)] = ()
    """Bucket edges of the histogram, in its unit, rising: the shares above them are
    judged."""
    advisory: Flag = False
    """Whether what is missing or unproven here is told and does not hold the promotion."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.margin <= self.tolerance:
            raise ValueError(
                f"margin is {self.margin:g}, must be more than tolerance, {self.tolerance:g}: "
                "an equal canary could not be proven good"
            )
        for lower, upper in pairwise(self.edges):
            if upper <= lower:
                raise ValueError(f"edges must rise, but {upper:g} comes after {lower:g}")
        if self.cap is not None and len(self.edges) > 1:
            raise ValueError(
                f"cap is {self.cap:g}, must be left out or edges hold exactly one: it has "
                f"{len(self.edges)}, whose shares differ"
            )
        return self


class CustomMetric(MetricPolicy):
    """Counters of the user's own, such as a gateway's; PromQL selectors without a revision."""

    total: Selector
    """Selector of the counter of all events."""
    bad: Selector
    """Selector of the counter of the bad ones among them."""
    direction: Literal["more", "either"] = "more"
    """Which change is a regression: more bad events, or either."""

    @model_validator(mode="after")
    def _check_counters(self) -> Self:
        if self.edges:
            raise ValueError("edges must be left out: total and bad are counters")
        return self


_HISTOGRAMS: Final = frozenset(("ttft", "inter_token", "tokens_per_second", "output_length"))
_DEFAULTS: Final = {
    "errors": MetricPolicy(cap=0.01),
    "cancelled": MetricPolicy(tolerance=1.25, cap=0.05),
    "refused": MetricPolicy(tolerance=1.25, cap=0.05),
    "truncated": MetricPolicy(cap=0.01),
    # At 5 requests/s a margin of 2 takes hours where a share is a few percent.
    "ttft": MetricPolicy(margin=2.5, edges=(0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)),
    "inter_token": MetricPolicy(
        tolerance=1.15, margin=2.5, edges=(0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0)
    ),
    "tokens_per_second": MetricPolicy(
        tolerance=1.15, margin=2.5, edges=(0.003, 0.005, 0.01, 0.02, 0.05, 0.1)
    ),
    # Neither change is proven where an answer of that kind is rare; a change still rolls back.
    "finish_reasons": MetricPolicy(tolerance=1.25, advisory=True),
    "output_length": MetricPolicy(
        tolerance=1.25, advisory=True, edges=(16.0, 64.0, 256.0, 1024.0, 4096.0)
    ),
}


class Metrics(_Settings):
    """The predictor's own metrics, and others by name; null leaves one out.

    What a metric's settings do not name keeps that metric's default, not MetricPolicy's.
    """

    errors: MetricPolicy | None = _DEFAULTS["errors"]
    """Requests that failed."""
    cancelled: MetricPolicy | None = _DEFAULTS["cancelled"]
    """Requests that their clients gave up, as they do where nothing comes."""
    refused: MetricPolicy | None = _DEFAULTS["refused"]
    """Requests refused as wrong; what is refused for want of room is an error."""
    truncated: MetricPolicy | None = _DEFAULTS["truncated"]
    """Streams that broke off."""
    ttft: MetricPolicy | None = _DEFAULTS["ttft"]
    """Time to first token, in seconds."""
    inter_token: MetricPolicy | None = _DEFAULTS["inter_token"]
    """Gaps between tokens, in seconds."""
    tokens_per_second: MetricPolicy | None = _DEFAULTS["tokens_per_second"]
    """Speed of answers, as seconds a token."""
    finish_reasons: MetricPolicy | None = _DEFAULTS["finish_reasons"]
    """Why answers ended."""
    output_length: MetricPolicy | None = _DEFAULTS["output_length"]
    """Tokens an answer has."""
    custom: Annotated[dict[Name, CustomMetric], Field(max_length=20)] = {}
    """Counters of your own, by a name that none of the others has."""

    @model_validator(mode="before")
    @classmethod
    def _keep_defaults(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        return {name: _fill(name, policy) for name, policy in given.items()}

    @model_validator(mode="after")
    def _check_edges(self) -> Self:
        for name in _DEFAULTS:
            policy: MetricPolicy | None = getattr(self, name)
            if policy is None:
                continue
            if policy.edges and name not in _HISTOGRAMS:
                raise ValueError(f"{name}.edges must be left out: it is no histogram")
            if not policy.edges and name in _HISTOGRAMS:
                raise ValueError(f"{name}.edges must hold at least one edge")
        taken = sorted(_DEFAULTS.keys() & self.custom.keys())
        if taken:
            raise ValueError(f"custom.{taken[0]} must have a name that no other metric has")
        return self


def _fill(name: object, policy: object) -> object:
    if not isinstance(policy, Mapping) or name not in _DEFAULTS:
        return policy
    return _DEFAULTS[str(name)].model_dump() | dict(policy)


class Judgement(_Settings):
    """Error probabilities of the whole rollout, over every look at every metric."""

    interval: SomeTime = 30.0
    """Between two looks; Prometheus must have scraped at least twice in it."""
    false_rollback: Probability = 0.01
    """Probability that an equal canary is rolled back."""
    false_promotion: Probability = 0.05
    """Probability that a canary at a metric's margin is promoted."""


class Gate(_Settings):
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


class Prometheus(_Settings):
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


class Limits(_Settings):
    """What may take how long before the rollout is ended by itself."""

    start: SomeTime = 2400.0
    """From the first patch to a Ready canary."""
    rollback: SomeTime = 120.0
    """Until status.traffic shows percent 0; then the Route counts as frozen."""
    promote: SomeTime = 300.0
    """Until status shows the canary rolled out."""
    inconclusive: SomeTime = 1800.0
    """Inconclusive or without data for so long: held, then `then`."""
    then: Literal["roll_back", "hold"] = "roll_back"
    """What follows when it was inconclusive for too long."""
    unwatched: SomeTime = 900.0
    """Split traffic that nobody has watched for so long is rolled back by the watchdog."""
    total: SomeTime = 86_400.0
    """Of the whole rollout."""


class RolloutPlan(_Settings):
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
        percents = [step.percent for step in self.stages]
        for earlier, later in pairwise(percents):
            if later <= earlier:
                raise ValueError(f"steps and bake must rise, but {later} % comes after {earlier} %")
        return self

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        least = sum(step.min_duration for step in self.stages)
        limits, interval = self.limits, self.judgement.interval
        if limits.total <= least:
            raise ValueError(
                f"limits.total is {write_duration(limits.total)}, must be more than the "
                f"{write_duration(least)} that the steps and the bake take at least"
            )
        for name in ("unwatched", "inconclusive"):
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
