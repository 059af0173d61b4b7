"""A rollout's state in the ConfigMap of its InferenceService, by compare-and-swap."""

import json
from dataclasses import dataclass, replace
from typing import Any, Final

from canary.cluster.api import Api
from canary.cluster.owners import TOOL, companion_metadata, companion_name, is_owned_by
from canary.cluster.refusals import NotFound, UnknownWrite
from canary.cluster.transport import Request
from canary.errors import Conflict, InputError
from canary.rollout.service import Service

MAX_HISTORY: Final = 20
# Kubernetes refuses a ConfigMap of more than 1 MiB; metadata wants some of it.
MAX_BYTES: Final = 1024 * 1024 - 16 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    """``resource_version`` "" stands for a ConfigMap that is not there yet."""

    # A Rollout in JSON.
    rollout: str = ""
    # A Command that nobody has followed yet, or "".
    command: str = ""
    # Who wrote ``rollout``, as the Lease names holders.
    holder: str = ""
    # What was decided last, as JSON of canary.record.outbox.
    outbox: str = ""
    # Ended rollouts, a line of JSON each, the last one last.
    history: tuple[str, ...] = ()
    resource_version: str = ""

    def with_ended(self, summary: str) -> "Stored":
        """Return it with one more ended rollout, the oldest beyond MAX_HISTORY forgotten."""
        return replace(self, history=(*self.history, summary)[-MAX_HISTORY:])


class Store:
    """The ConfigMap ``<service>-canary``; it goes when the InferenceService goes."""

    def __init__(self, api: Api, service: Service) -> None:
        self._api = api
        self._service = service
        self._all = f"/api/v1/namespaces/{service.namespace}/configmaps"
        self._one = f"{self._all}/{companion_name(service.name)}"

    def read(self) -> Stored | None:
        """Return what was written last; None where nothing was.

        Raises InputError where the ConfigMap is not this service's, or not as we write it.
        """
        try:
            body = self._api.call(Request("GET", self._one))
        except NotFound:
            return None
        if not is_owned_by(body, self._service):
            raise InputError(
                f"ConfigMap {self._service.namespace}/{companion_name(self._service.name)} "
                f"does not belong to the InferenceService with uid {self._service.uid}: "
                "an earlier one's goes within a minute; delete any other"
            )
        return _parse(body)

    def write(self, stored: Stored) -> Stored:
        """Write all of it where nothing has changed since it was read, and return it as written.

        Raises Conflict where something has, or it is there no more; InputError where it is too
        large.
        """
        data = _data(stored)
        num_bytes = sum(len(text.encode()) for text in data.values())
        if num_bytes > MAX_BYTES:
            raise InputError(
                f"the rollout's state is {num_bytes} bytes, must be at most {MAX_BYTES} for a "
                "ConfigMap: judge fewer metrics or edges"
            )
        try:
            return _parse(self._api.call(self._request(stored, data)))
        except NotFound:
            if not stored.resource_version:
                raise
            raise Conflict(f"{self._one} is not there any more") from None
        except UnknownWrite:
            found = self.read()
            if found is None or replace(found, resource_version="") != replace(
                stored, resource_version=""
            ):
                raise
            return found

    def _request(self, stored: Stored, data: dict[str, str]) -> Request:
        metadata = companion_metadata(self._service)
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        query = {"fieldManager": TOOL}
        if not stored.resource_version:
            return Request("POST", self._all, query, body)
        metadata["resourceVersion"] = stored.resource_version
        return Request("PUT", self._one, query, body)


def _data(stored: Stored) -> dict[str, str]:
    return {
        "rollout": stored.rollout,
        "command": stored.command,
        "holder": stored.holder,
        "outbox": stored.outbox,
        "history": json.dumps(stored.history),
    }


def _parse(body: dict[str, Any]) -> Stored:
    data = body.get("data") or {}
    meta = body["metadata"]
    try:
        history = json.loads(data.get("history", "[]"))
    except ValueError:
        history = None
    if not isinstance(history, list) or not all(isinstance(each, str) for each in history):
        where = f"ConfigMap {meta['namespace']}/{meta['name']}"
        raise InputError(f"{where}: history must be a JSON list of strings")
    return Stored(
        rollout=data.get("rollout", ""),
        command=data.get("command", ""),
        holder=data.get("holder", ""),
        outbox=data.get("outbox", ""),
        history=tuple(history),
        resource_version=meta["resourceVersion"],
    )
