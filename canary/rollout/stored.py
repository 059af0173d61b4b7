"""A rollout as JSON, the form it has in its ConfigMap."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from canary.errors import InputError
from canary.rollout.state import Rollout

SCHEMA: Final = 1
# A ConfigMap holds 1 MiB, its metadata among it.
MAX_BYTES: Final = 900 * 1024


class _Stored(BaseModel):
    """``schema`` rises whenever an older program would misread the state."""

    # A log e-value may be -inf, which JSON has no number for.
    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="strings")

    version: Literal[1]
    rollout: Rollout


def dump(rollout: Rollout) -> str:
    """Return the JSON that ``load`` gives back as an equal rollout; at most 900 KiB."""
    state = _Stored(version=SCHEMA, rollout=rollout).model_dump_json()
    text = state.replace('"version":', '"schema":', 1)
    size = len(text.encode())
    if size > MAX_BYTES:
        raise InputError(
            f"the rollout's state is {size} bytes, must be at most {MAX_BYTES}: its templates "
            "are too large for a ConfigMap"
        )
    return text


def load(text: str) -> Rollout:
    """Return the stored rollout; InputError where it is malformed, or a newer program's."""
    try:
        document: Any = from_json(text)
    except ValueError as e:
        raise InputError(f"the stored rollout is no JSON: {e}") from None
    version = document.pop("schema", None) if isinstance(document, dict) else None
    if version != SCHEMA:
        raise InputError(f"the stored rollout has schema {version}, must be {SCHEMA}")
    try:
        return _Stored.model_validate({"version": version, **document}).rollout
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"the stored rollout is malformed at {where}: {first['msg']}") from None
