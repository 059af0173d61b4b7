"""The objects of a Kubernetes API in memory, with its rules of versions, generations and owners."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.canary.simulator.patches import fields_of, leaves, owned
from tests.canary.simulator.types_of_fields import type_errors

Object = dict[str, Any]
Key = tuple[str, str, str]


class Refused(Exception):
    """The answer is a Status of this code and reason."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object, as discovery would tell it."""

    group: str
    version: str
    plural: str
    kind: str
    has_status: bool = False
    # A custom resource: it counts generations, and an update has to say which version it is of.
    is_custom: bool = False
    # Whether an update may leave the version out.
    may_update_blindly: bool = True

    @property
    def api_version(self) -> str:
        """Return the group and version as objects carry them."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """Return the name that messages carry."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


KNATIVE = "serving.knative.dev"
RESOURCES = (
    Resource("", "v1", "configmaps", "ConfigMap"),
    Resource("", "v1", "pods", "Pod", has_status=True),
    Resource("", "v1", "events", "Event"),
    Resource("", "v1", "namespaces", "Namespace", has_status=True),
    Resource("events.k8s.io", "v1", "events", "Event"),
    Resource("coordination.k8s.io", "v1", "leases", "Lease", may_update_blindly=False),
    Resource(
        "serving.kserve.io", "v1beta1", "inferenceservices", "InferenceService", True, True, False
    ),
    Resource(KNATIVE, "v1", "revisions", "Revision", True, True, False),
    Resource(KNATIVE, "v1", "routes", "Route", True, True, False),
)


class Store:
    """Writes take effect at once; nothing that is stored is ever changed in place."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._version = 100
        self._objects: dict[Key, Object] = {}

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """Return it as it is stored: not to be changed."""
        found = self._objects.get((resource.qualified, namespace, name))
        if found is None:
            message = f'{resource.qualified} "{name}" not found'
            raise Refused(404, "NotFound", message, **_details(resource, name))
        return found

    def list(self, resource: Resource, namespace: str) -> tuple[list[Object], str]:
        """Return what is stored, by name, and the store's version; "" is every namespace."""
        found = [
            value
            for (kind, of_namespace, _), value in sorted(self._objects.items())
            if kind == resource.qualified and namespace in ("", of_namespace)
        ]
        return found, str(self._version)

    def create(self, resource: Resource, namespace: str, body: Object, write: "Write") -> Object:
        """Return the object as it was stored, or would be."""
        created = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        metadata = created["metadata"] = dict(created.get("metadata") or {})
        name = metadata.get("name") or f"{metadata.get('generateName')}{uuid.uuid4().hex[:5]}"
        if (resource.qualified, namespace, name) in self._objects:
            message = f'{resource.qualified} "{name}" already exists'
            raise Refused(409, "AlreadyExists", message, **_details(resource, name))
        _check_types(resource, name, created)
        metadata |= {"name": name, "namespace": namespace, "uid": str(uuid.uuid4())}
        metadata["creationTimestamp"] = self._now()
        if resource.is_custom:
            metadata["generation"] = 1
        if resource.has_status:
            created.pop("status", None)
        self._own(created, {}, write)
        return self._put(resource, namespace, created, write)

    def replace(
        self, resource: Resource, namespace: str, name: str, body: Object, write: "Write"
    ) -> Object:
        """Return the object after an update, of its status alone or of all else."""
        current = self.get(resource, namespace, name)
        sent = body.get("metadata") or {}
        version = sent.get("resourceVersion")
        if version is None and not resource.may_update_blindly and not write.is_patch:
            raise _unversioned(resource, name)
        if version is not None and version != current["metadata"]["resourceVersion"]:
            raise _conflict(resource, name, _MODIFIED)
        if sent.get("uid", uid := current["metadata"]["uid"]) != uid:
            raise _other_uid(resource, name, sent["uid"], uid, write)
        _check_types(resource, name, body)
        changed = _merged_parts(resource, current, body, write)
        if _without_bookkeeping(changed) == _without_bookkeeping(current):
            return current
        if resource.is_custom and changed.get("spec") != current.get("spec"):
            changed["metadata"]["generation"] = current["metadata"]["generation"] + 1
        self._own(changed, current, write)
        return self._put(resource, namespace, changed, write)

    def delete(
        self, resource: Resource, namespace: str, name: str, preconditions: dict[str, str]
    ) -> Object:
        """Return the object that is gone."""
        current = self.get(resource, namespace, name)
        for field in ("resourceVersion", "uid"):
            if preconditions.get(field, current["metadata"][field]) != current["metadata"][field]:
                raise _conflict(resource, name, f"Precondition failed: {field}")
        return self._objects.pop((resource.qualified, namespace, name))

    def _put(self, resource: Resource, namespace: str, changed: Object, write: "Write") -> Object:
        if not write.is_dry_run:
            self._version += 1
            changed["metadata"]["resourceVersion"] = str(self._version)
            key = (resource.qualified, namespace, changed["metadata"]["name"])
            self._objects[key] = changed
        return changed

    def _own(self, changed: Object, current: Object, write: "Write") -> None:
        """Give each changed field to whoever writes."""
        before, after = dict(_owned_leaves(current)), dict(_owned_leaves(changed))
        touched = {p for p, value in after.items() if p not in before or before[p] != value}
        entries = []
        mine = touched
        for entry in current.get("metadata", {}).get("managedFields", []):
            paths = {path for path in owned(entry["fieldsV1"]) if path in after}
            if entry["manager"] == write.manager:
                mine = mine | paths
            elif paths - touched:
                entries.append({**entry, "fieldsV1": fields_of(paths - touched)})
        if mine:
            entries.append(
                {
                    "manager": write.manager,
                    "operation": "Update",
                    "apiVersion": changed["apiVersion"],
                    "time": self._now(),
                    "fieldsType": "FieldsV1",
                    "fieldsV1": fields_of(mine),
                }
            )
        changed["metadata"]["managedFields"] = entries

    def _now(self) -> str:
        return datetime.fromtimestamp(int(self._clock()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


@dataclass(frozen=True, slots=True)
class Write:
    """Who writes, and what of the object."""

    manager: str
    is_dry_run: bool = False
    is_patch: bool = False
    is_status: bool = False


def invalid(resource: Resource, name: str, *problems: str) -> Refused:
    """Return a 422 that names each field."""
    listed = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
    message = f'{resource.kind}.{resource.group} "{name}" is invalid: {listed}'
    causes = [{"field": problem.split(":")[0], "message": problem} for problem in problems]
    details = _details(resource, name) | {"kind": resource.kind}
    return Refused(422, "Invalid", message, **details, causes=causes)


def _unversioned(resource: Resource, name: str) -> Refused:
    problem = "metadata.resourceVersion: Invalid value: 0: must be specified for an update"
    message = f'{resource.qualified} "{name}" is invalid: {problem}'
    return Refused(422, "Invalid", message, **_details(resource, name))


def _other_uid(resource: Resource, name: str, sent: str, uid: str, write: "Write") -> Refused:
    if write.is_patch:
        return invalid(resource, name, f'metadata.uid: Invalid value: "{sent}": field is immutable')
    why = f"Precondition failed: UID in precondition: {sent}, UID in object meta: {uid}"
    return _conflict(resource, name, why)


def _conflict(resource: Resource, name: str, why: str) -> Refused:
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return Refused(409, "Conflict", message, **_details(resource, name))


def _details(resource: Resource, name: str) -> dict[str, str]:
    return {"name": name, "kind": resource.plural} | (
        {"group": resource.group} if resource.group else {}
    )


def _check_types(resource: Resource, name: str, body: Object) -> None:
    if resource.is_custom and (problems := type_errors(resource.kind, body)):
        raise invalid(resource, name, *problems)
    data = body.get("data") or {}
    if resource.kind == "ConfigMap" and not all(isinstance(v, str) for v in data.values()):
        raise Refused(400, "BadRequest", "ConfigMap in version v1 cannot be handled as a ConfigMap")


def _merged_parts(resource: Resource, current: Object, body: Object, write: Write) -> Object:
    """Return the object with that part of the body which this door may change."""
    changed = {**current, "metadata": dict(current["metadata"])}
    if write.is_status:
        changed["status"] = body.get("status", {})
        return changed
    kept = {"metadata", "apiVersion", "kind"} | ({"status"} if resource.has_status else set())
    for part in {*changed, *body} - kept:
        changed.pop(part, None)
        if part in body and body[part] not in ({}, None):
            changed[part] = body[part]
    sent = body.get("metadata") or {}
    for part in ("labels", "annotations", "ownerReferences", "finalizers"):
        changed["metadata"].pop(part, None)
        if sent.get(part):
            changed["metadata"][part] = sent[part]
    return changed


_BOOKKEEPING = frozenset({"managedFields", "resourceVersion", "generation"})


def _without_bookkeeping(value: Object) -> Object:
    metadata = {k: v for k, v in value["metadata"].items() if k not in _BOOKKEEPING}
    return {**value, "metadata": metadata}


def _owned_leaves(value: Object) -> list[tuple[tuple[str, ...], Any]]:
    metadata = value.get("metadata", {})
    shown = {k: v for k, v in value.items() if k not in ("metadata", "apiVersion", "kind")}
    for part in ("labels", "annotations"):
        if metadata.get(part):
            shown.setdefault("metadata", {})[part] = metadata[part]
    return list(leaves(shown))
