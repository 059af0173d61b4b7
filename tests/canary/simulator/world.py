"""What KServe and Knative know of one InferenceService, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Condition:
    """``status`` is "True", "False" or "Unknown"."""

    status: str
    reason: str = ""
    message: str = ""


TRUE = Condition("True")
UNKNOWN = Condition("Unknown")


@dataclass(frozen=True, slots=True)
class Intent:
    """What the InferenceService's spec and metadata ask for."""

    # Digest of all that goes into a revision's template.
    template: str
    percent: int | None
    has_tag_routing: bool = True
    is_stopped: bool = False


@dataclass(frozen=True, slots=True)
class Revision:
    """Its readiness is decided outside: by what its pods do."""

    name: str
    template: str
    # Unix seconds.
    created: float
    ready: Condition = UNKNOWN


@dataclass(frozen=True, slots=True)
class Target:
    """One entry of a traffic block; ``revision`` is None where the spec says latestRevision."""

    revision: str | None
    percent: int
    is_latest: bool
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Knative:
    """The Knative Service with its Configuration and Route."""

    generation: int
    template: str
    traffic: tuple[Target, ...]
    # How many revisions the Configuration has made.
    num_made: int = 0
    latest_created: str = ""
    latest_ready: str = ""
    routed: tuple[Target, ...] = ()
    configuration: Condition = UNKNOWN
    route: Condition = UNKNOWN

    @property
    def ready(self) -> Condition:
        """Return the Service's own condition: False before Unknown before True."""
        parts = (self.configuration, self.route)
        return min(parts, key=lambda part: ("False", "Unknown", "True").index(part.status))


@dataclass(frozen=True, slots=True)
class Status:
    """The InferenceService's status of its predictor."""

    observed_generation: int = 0
    latest_created: str = ""
    latest_ready: str = ""
    rolled_out: str = ""
    previous_rolled_out: str = ""
    traffic: tuple[Target, ...] = ()
    has_url: bool = False
    conditions: Mapping[str, Condition] = field(default_factory=dict)

    def percent_of(self, revision: str) -> int:
        """Return the share of users, in percent."""
        return sum(target.percent for target in self.traffic if target.revision == revision)


@dataclass(frozen=True, slots=True)
class World:
    """One InferenceService, named ``name``, and all that has become of it."""

    name: str
    intent: Intent
    knative: Knative | None = None
    revisions: Mapping[str, Revision] = field(default_factory=dict)
    status: Status = field(default_factory=Status)
