"""From files that a person writes to a RolloutPlan and a predictor; errors say file and line."""

import re
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from canary.errors import InputError
from canary.plan import RolloutPlan
from canary.yaml_file import Document, read_documents

# Some hundred settings; PyYAML reads about 200 KiB a second.
_MAX_ROLLOUT_BYTES: Final = 1 << 16
_MAX_MANIFEST_BYTES: Final = 1 << 18
# Their values may hold a credential: a URL is pasted where its file belongs.
_UNSHOWN: Final = frozenset(
    ("url", "matchers", "bearer_token_file", "ca_file", "webhook_url_file", "prompts", "manifest")
)
# Where pydantic's own words are of Python.
_MUSTS: Final = {
    "tuple_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
}
_PATTERNS: Final = {
    "service": "a name of at most 48 letters a-z, digits and -, beginning with a letter",
    "namespace": "a name of letters a-z, digits and -",
    "matchers": 'matchers such as namespace="r1",cluster=~"a|b"',
    "total": 'a selector such as requests_total{code="200"}',
    "bad": 'a selector such as requests_total{code="500"}',
    "revision_label": "a label's name",
}
_DOTTED: Final = re.compile(r"[a-z_0-9-]+(?:\.[a-z_0-9-]+)*")


def read_rollout_file(path: Path) -> RolloutPlan:
    """Return the plan, its files' paths beside the rollout file; InputError names a wrong line."""
    documents = read_documents(path, max_bytes=_MAX_ROLLOUT_BYTES)
    if len(documents) != 1:
        raise InputError(f"{path} holds {len(documents)} documents, must hold one rollout")
    try:
        return _beside(path, RolloutPlan.model_validate(documents[0].value))
    except ValidationError as error:
        raise InputError(_first(error, documents[0])) from None


def _beside(path: Path, plan: RolloutPlan) -> RolloutPlan:
    """Return the plan whose other files are named from the rollout file's folder."""
    folder = path.parent

    def whole(name: str | None) -> str | None:
        return None if name is None else str(folder / name)

    prometheus = plan.prometheus.model_copy(
        update={
            "bearer_token_file": whole(plan.prometheus.bearer_token_file),
            "ca_file": whole(plan.prometheus.ca_file),
        }
    )
    gate = plan.gate and plan.gate.model_copy(update={"prompts": whole(plan.gate.prompts)})
    url_file = whole(plan.webhook_url_file)
    changes = {"prometheus": prometheus, "gate": gate, "webhook_url_file": url_file}
    return plan.model_copy(update=changes)


def read_manifest(path: Path, service: str, namespace: str) -> dict[str, Any]:
    """Return spec.predictor of the file's InferenceService; raises InputError.

    Other kinds in the file are left alone; an InferenceService without a namespace is taken for
    one of ``namespace``, as kubectl takes it.
    """
    found = [
        document
        for document in read_documents(path, max_bytes=_MAX_MANIFEST_BYTES)
        if document.get("kind") == "InferenceService"
    ]
    if len(found) != 1:
        raise InputError(f"{path} holds {len(found)} InferenceServices, must hold one")
    document = found[0]
    _check(document, ("apiVersion",), "serving.kserve.io/v1beta1")
    _check(document, ("metadata", "name"), service)
    if document.get("metadata", "namespace") is not None:
        _check(document, ("metadata", "namespace"), namespace)
    predictor = document.get("spec", "predictor")
    if not isinstance(predictor, dict) or not predictor:
        where = document.where("spec", "predictor")
        raise InputError(f"{where} is missing or no mapping, must be the predictor to roll out")
    if "canaryTrafficPercent" in predictor:
        where = document.where("spec", "predictor", "canaryTrafficPercent")
        raise InputError(f"{where} is given, must be left out: the rollout's steps set it")
    return predictor


def _check(document: Document, place: tuple[str, ...], allowed: str) -> None:
    value = document.get(*place)
    if value != allowed:
        raise InputError(f"{document.where(*place)} is {_shown(value)}, must be {allowed!r}")


def _first(error: ValidationError, document: Document) -> str:
    """Return the first error as one line; a list's or an option's own steps are left out of it."""
    first = error.errors(include_url=False)[0]
    place = tuple(part for part in first["loc"] if part != "[key]")
    name = str(place[-1]) if place else ""
    match first["type"]:
        case "missing":
            return f"{document.where(*place)} is missing, and must be given"
        case "extra_forbidden":
            return f"{document.where(*place)} is no setting; `r1-canary schema` lists them"
        case "value_error":
            return _own(str(first["ctx"]["error"]), place, document)
        case "string_pattern_mismatch":
            must = _PATTERNS.get(name, _PATTERNS["service"])
        case kind:
            must = _MUSTS.get(kind) or first["msg"].removeprefix("Input should be ")
    if name in _UNSHOWN:
        return f"{document.where(*place)} must be {must}"
    return f"{document.where(*place)} is {_shown(first['input'])}, must be {must}"


def _own(message: str, place: tuple[int | str, ...], document: Document) -> str:
    """Return a validator's own message, at the line of the setting that it names first."""
    if message.startswith("must "):
        shown = "" if place[-1] in _UNSHOWN else f" is {_shown(document.get(*place))},"
        return f"{document.where(*place)}{shown} {message}"
    named = (tuple(word.split(".")) for word in _DOTTED.findall(message))
    deeper = next((parts for parts in named if document.get(*place, *parts) is not None), ())
    return (
        f"{document.line_of(*place, *deeper)}: {'.'.join(map(str, place)) or 'rollout'}: {message}"
    )


def _shown(value: object) -> str:
    match value:
        case None:
            return "missing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return "true" if value else "false"
        case str():
            return repr(value if len(value) <= 60 else value[:60] + "...")
        case _:
            return str(value)[:60]
