"""The model repository extension: an index of one repository that holds one model."""

from typing import Final

from predictor.errors import InvalidRequest
from predictor.protocol.json_text import check_members, check_object, parse_json
from predictor.protocol.wording import quote

BODY: Final = "the body"


def parse_index_request(body: bytes) -> bool:
    """Return whether only models that are ready are asked for; raises InvalidRequest."""
    if not body:
        return False
    members = check_object(parse_json(body, BODY), BODY)
    check_members(members, BODY, optional=("ready",))
    only_ready = members.get("ready", False)
    if not isinstance(only_ready, bool):
        raise InvalidRequest(f"ready is {quote(only_ready)}, must be true or false")
    return only_ready


def repository_index(
    name: str, version: str, unreadiness: str | None, *, only_ready: bool = False
) -> list[dict[str, str]]:
    """Return the index's entries; ``unreadiness`` is why the model is not ready, None if it is."""
    is_ready = unreadiness is None
    if only_ready and not is_ready:
        return []
    state = "READY" if is_ready else "UNAVAILABLE"
    return [{"name": name, "version": version, "state": state, "reason": unreadiness or ""}]
