"""An InferenceService's JSON as a Service, and what makes revisions of it as a fingerprint."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from canary.errors import InputError
from canary.rollout.service import Condition, Service, Target

PERCENT: Final = "canaryTrafficPercent"
# Before 0.16 KServe knew these alone, and still takes them.
_RENAMED_MODES: Final = {"RawDeployment": "Standard", "Serverless": "Knative"}
# What KServe does not copy into revisions: its ServiceAnnotationDisallowedList, what it moves to
# the Knative Service's own metadata, and of its RevisionTemplateLabelDisallowedList the one label.
_ANNOTATIONS_LEFT_OUT: Final = frozenset(
    {
        "autoscaling.knative.dev/min-scale",
        "autoscaling.knative.dev/max-scale",
        "internal.serving.kserve.io/storage-initializer-sourceuri",
        "kubectl.kubernetes.io/last-applied-configuration",
        "modelFormat",
        "serving.knative.dev/rollout-duration",
        "serving.knative.openshift.io/enablePassthrough",
    }
)
_LABELS_LEFT_OUT: Final = frozenset({"networking.knative.dev/visibility"})


def parse_service(body: Any) -> Service:
    """Return what the API server holds; raises InputError that names the field it trips over."""
    try:
        found = _Object.model_validate(body)
    except ValidationError as error:
        raise InputError(_shape(body, error)) from None
    meta, predictor = found.metadata, found.status.components.predictor
    template = {name: value for name, value in found.spec.predictor.items() if name != PERCENT}
    return Service(
        name=meta.name,
        namespace=meta.namespace,
        uid=meta.uid,
        resource_version=meta.resourceVersion,
        generation=meta.generation,
        is_deleted=meta.deletionTimestamp is not None,
        mode=_RENAMED_MODES.get(found.status.deploymentMode, found.status.deploymentMode),
        annotations=meta.annotations,
        labels=meta.labels,
        template=template,
        percent=_percent(found),
        fingerprint=fingerprint(template, meta.labels, meta.annotations),
        percent_manager=_last_manager(meta.managedFields, _owns_percent),
        template_manager=_last_manager(meta.managedFields, _owns_template),
        latest_created=predictor.latestCreatedRevision,
        latest_ready=predictor.latestReadyRevision,
        rolled_out=predictor.latestRolledoutRevision,
        previous_rolled_out=predictor.previousRolledoutRevision,
        traffic=tuple(
            Target(each.revisionName, each.percent, each.tag, each.latestRevision)
            for each in predictor.traffic
        ),
        conditions={
            each.type: Condition(each.status, each.reason, each.message)
            for each in found.status.conditions
        },
    )


def fingerprint(
    template: Mapping[str, Any], labels: Mapping[str, str], annotations: Mapping[str, str]
) -> str:
    """Return a digest that changes with whatever makes KServe make a revision.

    ``template`` is spec.predictor, whose canaryTrafficPercent does not count.
    """
    parts = {
        "predictor": {name: value for name, value in template.items() if name != PERCENT},
        "labels": _without(labels, _LABELS_LEFT_OUT),
        "annotations": _without(annotations, _ANNOTATIONS_LEFT_OUT),
    }
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _without(found: Mapping[str, str], left_out: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in found.items() if name not in left_out}


def _none_as_empty(value: object) -> object:
    return "" if value is None else value


_Word = Annotated[str, BeforeValidator(_none_as_empty)]


class _Part(BaseModel):
    """Named as the API names its fields; what is not read may be there."""

    model_config = ConfigDict(extra="ignore", strict=True)


class _Meta(_Part):
    name: str
    namespace: str
    uid: str
    resourceVersion: str  # noqa: N815
    generation: int
    deletionTimestamp: str | None = None  # noqa: N815
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    managedFields: list[dict[str, Any]] = []  # noqa: N815


class _Spec(_Part):
    predictor: dict[str, Any]


class _Traffic(_Part):
    revisionName: _Word = ""  # noqa: N815
    percent: int = 0
    tag: str | None = None
    latestRevision: bool = False  # noqa: N815


class _Predictor(_Part):
    latestCreatedRevision: _Word = ""  # noqa: N815
    latestReadyRevision: _Word = ""  # noqa: N815
    latestRolledoutRevision: _Word = ""  # noqa: N815
    previousRolledoutRevision: _Word = ""  # noqa: N815
    traffic: list[_Traffic] = []


class _Components(_Part):
    predictor: _Predictor = Field(default_factory=_Predictor)


class _Condition(_Part):
    type: str
    status: str
    reason: _Word = ""
    message: _Word = ""


class _Status(_Part):
    deploymentMode: _Word = ""  # noqa: N815
    components: _Components = Field(default_factory=_Components)
    conditions: list[_Condition] = []


class _Object(_Part):
    metadata: _Meta
    spec: _Spec
    status: _Status = Field(default_factory=_Status)


def _percent(found: _Object) -> int | None:
    value = found.spec.predictor.get(PERCENT)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    place = f"InferenceService {found.metadata.namespace}/{found.metadata.name}"
    raise InputError(f"{place}: spec.predictor.{PERCENT} is {value!r}, must be a whole number")


def _last_manager(managed: list[dict[str, Any]], owns: Callable[[Mapping[str, Any]], bool]) -> str:
    """Return who wrote last what they own, as far as the API server keeps it apart."""
    owners = [entry for entry in managed if owns(_predictor_fields(entry))]
    last = max(owners, key=lambda entry: str(entry.get("time", "")), default={})
    return str(last.get("manager", ""))


def _predictor_fields(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    fields: Any = entry.get("fieldsV1")
    for name in ("f:spec", "f:predictor"):
        fields = fields.get(name) if isinstance(fields, dict) else None
    return fields if isinstance(fields, dict) else {}


def _owns_percent(fields: Mapping[str, Any]) -> bool:
    return f"f:{PERCENT}" in fields


def _owns_template(fields: Mapping[str, Any]) -> bool:
    return any(name not in (f"f:{PERCENT}", ".") for name in fields)


def _shape(body: Any, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    meta = body.get("metadata") if isinstance(body, dict) else None
    name = meta.get("name", "?") if isinstance(meta, dict) else "?"
    where = ".".join(str(part) for part in first["loc"]) or "the answer"
    return f"InferenceService {name} has a shape that is not known: {where}: {first['msg']}"
