"""The edits of an InferenceService, as JSON patches that hold for one resourceVersion."""

from typing import Any, Final

from canary.cluster.services import PERCENT
from canary.rollout.state import Template

_PREDICTOR: Final = "/spec/predictor"


def patch_percent(percent: int | None, resource_version: str) -> list[dict[str, Any]]:
    """Set the percent, or with None remove it, there or not."""
    path = f"{_PREDICTOR}/{PERCENT}"
    set_it = {"op": "add", "path": path, "value": percent if percent is not None else 0}
    removal = [] if percent is not None else [{"op": "remove", "path": path}]
    return [_only_at(resource_version), set_it, *removal]


def patch_template(
    template: Template, percent: int | None, resource_version: str
) -> list[dict[str, Any]]:
    """Replace the predictor whole, its percent included: a merge would keep what is to go."""
    share = {} if percent is None else {PERCENT: percent}
    predictor = {**template.predictor, **share}
    replaced = {"op": "replace", "path": _PREDICTOR, "value": predictor}
    return [_only_at(resource_version), replaced]


def _only_at(resource_version: str) -> dict[str, str]:
    """Written rather than tested: a failed `test` is a wordless 422, another version a 409."""
    return {"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version}
