"""An InferenceService as a rollout sees it: parsed once, at the edge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """One entry of ``status.components.predictor.traffic``."""

    revision: str
    percent: int
    tag: str | None
    is_latest: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """``status`` is "True", "False" or "Unknown"."""

    status: str
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """One reading of the InferenceService."""

    name: str
    namespace: str
    uid: str
    resource_version: str
    generation: int
    is_deleted: bool
    # "Knative" or "Standard", the older names rewritten; "" where status does not say yet.
    mode: str
    annotations: Mapping[str, str]
    labels: Mapping[str, str]
    # spec.predictor without canaryTrafficPercent.
    template: Mapping[str, Any]
    percent: int | None
    # Digest of what makes revisions: the template, and the metadata that KServe copies into it.
    fingerprint: str
    # Who wrote canaryTrafficPercent last, by managedFields; "" where nobody is named.
    percent_manager: str
    latest_created: str
    latest_ready: str
    rolled_out: str
    previous_rolled_out: str
    traffic: tuple[Target, ...]
    conditions: Mapping[str, Condition]
    # Who wrote anything of spec.predictor last, by managedFields; "" where nobody is named.
    template_manager: str = ""

    def percent_of(self, revision: str) -> int:
        """Return the share of users that ``status.traffic`` gives a revision, in percent."""
        return sum(target.percent for target in self.traffic if target.revision == revision)


@dataclass(frozen=True, slots=True)
class Pods:
    """Of one revision, for the kill switch and the preflight."""

    revision: str
    num_ready: int
    num_pods: int
    # Most restarts of one container since its pod began, and why the last one ended.
    num_restarts: int
    reason: str = ""
