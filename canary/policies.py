"""How metrics are judged, as a rollout file says it, and what holds where it says nothing."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from canary.settings import Edge, Flag, Name, Ratio, Selector, Settings, Share


class MetricPolicy(Settings):
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


_HISTOGRAMS: Final = frozenset(
    ("ttft", "inter_token", "longest_gap", "tokens_per_second", "output_length")
)
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
    # A stable revision that does not expose it yet holds no promotion; a stall still rolls back.
    "longest_gap": MetricPolicy(
        tolerance=1.15, margin=2.5, advisory=True, edges=(0.1, 0.3, 1.0, 2.0, 5.0)
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


class Metrics(Settings):
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
    longest_gap: MetricPolicy | None = _DEFAULTS["longest_gap"]
    """An answer's longest wait for its next token, in seconds: one stall among hundreds of gaps
    is no share of them."""
    tokens_per_second: MetricPolicy | None = _DEFAULTS["tokens_per_second"]
    """Speed of answers, as seconds a token."""
    finish_reasons: MetricPolicy | None = _DEFAULTS["finish_reasons"]
    """Why answers ended."""
    output_length: MetricPolicy | None = _DEFAULTS["output_length"]
    """Tokens an answer has."""
    custom: dict[Name, CustomMetric] = Field(default={}, max_length=20)
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
