"""The few types of an InferenceService's fields that the tool or a user may get wrong."""

from typing import Any, Final

_TYPES: Final[dict[str, type]] = {
    "canaryTrafficPercent": int,
    "minReplicas": int,
    "maxReplicas": int,
    "timeout": int,
    "containerConcurrency": int,
    "containers": list,
    "annotations": dict,
    "labels": dict,
    "serviceAccountName": str,
}
_NAMES: Final = {int: "integer", list: "array", dict: "object", str: "string", float: "number"}


def type_errors(kind: str, body: dict[str, Any]) -> list[str]:
    """Return one line for each field of a wrong type, as the CRD's schema would say it."""
    if kind != "InferenceService":
        return []
    predictor = (body.get("spec") or {}).get("predictor")
    if not isinstance(predictor, dict):
        return ["spec.predictor: Required value"]
    return [
        _problem(f"spec.predictor.{name}", value, _TYPES[name])
        for name, value in predictor.items()
        if name in _TYPES and not _fits(value, _TYPES[name])
    ]


def _fits(value: Any, wanted: type) -> bool:
    return isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))


def _problem(path: str, value: Any, wanted: type) -> str:
    given = "boolean" if isinstance(value, bool) else _NAMES.get(type(value), "null")
    return (
        f'{path}: Invalid value: "{given}": {path} in body must be of type '
        f'{_NAMES[wanted]}: "{given}"'
    )
