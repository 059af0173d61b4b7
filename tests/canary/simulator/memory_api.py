"""A small Kubernetes API over HTTP; it has no watch and no server-side apply."""

import re
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Final

import orjson

from tests.canary.simulator.patches import PatchFailed, apply_operations, merge
from tests.canary.simulator.server import Request, Response, json_response
from tests.canary.simulator.store import RESOURCES, Object, Refused, Resource, Store, Write

_PATH: Final = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>v[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/(?P<plural>[^/]+)"
    r"(?:/(?P<name>[^/]+))?(?:/(?P<part>status))?"
)
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_REQUIREMENT: Final = re.compile(r"\s*([^\s=!,]+)\s*(==|=|!=)\s*([^,]*)\s*")


class _NoSuchPath(Exception):
    """No resource is served there; the answer is not even a Status."""


class MemoryApi:
    """``denied`` holds (verb, resource) pairs that RBAC refuses."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._resources = {(r.group, r.version, r.plural): r for r in RESOURCES}
        self.denied: set[tuple[str, str]] = set()

    def handle(self, request: Request) -> Response:
        """Answer one request; every answer's Date is of the store's clock."""
        date = formatdate(int(self._clock()), usegmt=True)
        try:
            code, body = self._answer(request)
        except _NoSuchPath:
            return Response(
                404, b"404 page not found\n", {"Content-Type": "text/plain", "Date": date}
            )
        except Refused as refused:
            code, body = refused.code, _status(refused)
        return json_response(code, body, Date=date)

    def _answer(self, request: Request) -> tuple[int, Any]:
        if request.path == _REVIEWS:
            return 201, self._review(_json(request))
        if request.path == "/version":
            return 200, {"major": "1", "minor": "20", "gitVersion": "v1.20.2"}
        found = _PATH.fullmatch(request.path)
        place = found and (found["group"] or "", found["version"], found["plural"])
        resource = self._resources.get(place) if place else None
        if found is None or resource is None:
            raise _NoSuchPath
        self._permit(request, resource, found["name"], found["part"])
        namespace = found["namespace"] or ""
        if found["name"] is None:
            return self._collection(request, resource, namespace)
        return self._object(request, resource, namespace, found["name"], bool(found["part"]))

    def _permit(
        self, request: Request, resource: Resource, name: str | None, part: str | None
    ) -> None:
        verb = {"POST": "create", "PUT": "update"}.get(request.method, request.method.lower())
        verb = "list" if verb == "get" and name is None else verb
        plural = f"{resource.plural}/{part}" if part else resource.plural
        if (verb, plural) in self.denied:
            what = f'{verb} resource "{plural}" in API group "{resource.group}"'
            message = f'{resource.qualified} is forbidden: User "r1-canary" cannot {what}'
            raise Refused(403, "Forbidden", message)

    def _review(self, review: Object) -> Object:
        asked = review["spec"]["resourceAttributes"]
        plural = asked["resource"] + (
            f"/{asked['subresource']}" if asked.get("subresource") else ""
        )
        return {**review, "status": {"allowed": (asked["verb"], plural) not in self.denied}}

    def _collection(self, request: Request, resource: Resource, namespace: str) -> tuple[int, Any]:
        if request.method == "POST":
            return 201, self._store.create(resource, namespace, _json(request), _write(request))
        if request.method != "GET":
            raise Refused(405, "MethodNotAllowed", "the server does not allow this method")
        found, version = self._store.list(resource, namespace)
        chosen = [item for item in found if _is_selected(item, request.query)]
        return 200, {
            "apiVersion": resource.api_version,
            "kind": f"{resource.kind}List",
            "metadata": {"resourceVersion": version},
            "items": chosen,
        }

    def _object(
        self, request: Request, resource: Resource, namespace: str, name: str, is_status: bool
    ) -> tuple[int, Any]:
        store = self._store
        match request.method:
            case "GET":
                return 200, store.get(resource, namespace, name)
            case "PUT":
                write = _write(request, is_status=is_status)
                return 200, store.replace(resource, namespace, name, _json(request), write)
            case "PATCH":
                write = _write(request, is_status=is_status, is_patch=True)
                current = store.get(resource, namespace, name)
                patched = _patched(request, resource, current)
                return 200, store.replace(resource, namespace, name, patched, write)
            case "DELETE":
                options = _json(request) if request.body else {}
                gone = store.delete(resource, namespace, name, options.get("preconditions") or {})
                details = {"name": name, "kind": resource.plural, "uid": gone["metadata"]["uid"]}
                return 200, {"kind": "Status", "status": "Success", "details": details}
        raise Refused(405, "MethodNotAllowed", "the server does not allow this method")


def _write(request: Request, *, is_status: bool = False, is_patch: bool = False) -> Write:
    agent = request.headers.get("user-agent", "unknown").partition("/")[0]
    manager = request.query.get("fieldManager") or agent
    dry_run = request.query.get("dryRun")
    if dry_run not in (None, "All"):
        problem = f'dryRun: Unsupported value: "{dry_run}": supported values: "All"'
        raise Refused(422, "Invalid", f' "" is invalid: {problem}')
    return Write(manager, dry_run == "All", is_patch, is_status)


def _patched(request: Request, resource: Resource, current: Object) -> Object:
    kind = request.headers.get("content-type", "").partition(";")[0]
    allowed = {"application/json-patch+json", "application/merge-patch+json"}
    if not resource.is_custom:
        allowed.add("application/strategic-merge-patch+json")
    if kind not in allowed:
        message = (
            "the body of the request was in an unknown format - accepted media types include: "
            + ", ".join(sorted(allowed))
        )
        raise Refused(415, "UnsupportedMediaType", message)
    patch = _json(request)
    if kind != "application/json-patch+json":
        return merge(current, patch)
    try:
        return apply_operations(current, patch)
    except PatchFailed as failed:
        message = "the server rejected our request due to an error in our request"
        raise Refused(422, "Invalid", message) from failed


def _json(request: Request) -> Any:
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, "BadRequest", f"the body is not JSON: {error}") from error


def _status(refused: Refused) -> Object:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": refused.message,
        "reason": refused.reason,
        "details": refused.details,
        "code": refused.code,
    }


def _is_selected(item: Object, query: dict[str, str]) -> bool:
    labels = item["metadata"].get("labels") or {}
    fields = {path: _at(item, path) for path, _, _ in _requirements(query.get("fieldSelector"))}
    return _all_hold(query.get("labelSelector"), labels) and _all_hold(
        query.get("fieldSelector"), fields
    )


def _all_hold(selector: str | None, values: dict[str, Any]) -> bool:
    return all(
        (values.get(name) == wanted) == (operator != "!=")
        for name, operator, wanted in _requirements(selector)
    )


def _requirements(selector: str | None) -> list[tuple[str, str, str]]:
    parsed = []
    for part in (selector or "").split(",") if selector else []:
        found = _REQUIREMENT.fullmatch(part)
        if found is None:
            raise Refused(400, "BadRequest", f"unable to parse requirement: {part}")
        parsed.append((found[1], found[2], found[3].strip()))
    return parsed


def _at(item: Any, path: str) -> Any:
    for part in path.split("."):
        item = (item or {}).get(part)
    return item
