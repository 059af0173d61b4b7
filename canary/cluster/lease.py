"""One operator at a time: a Lease, judged as client-go's leader election judges it.

Whether its holder lives is told by whether the Lease changes while one watches by one's own
monotonic clock; the times in it are for people. It keeps two honest operators from waiting for each
other's Conflicts; what makes a second writer harmless is the compare-and-swap of the store.

It is renewed from the controller's loop, not from a thread: a thread would hold on to the service
for a loop that hangs.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from canary.cluster.api import Api
from canary.cluster.clock import micro_time
from canary.cluster.owners import TOOL, companion_metadata, companion_name
from canary.cluster.refusals import NotFound, UnknownWrite
from canary.cluster.transport import Request
from canary.errors import CanaryError, Conflict, Held
from canary.rollout.service import Service

# Seconds. Longer than an API server may be silent before a request of ours is given up.
DURATION_S: Final = 60.0
RENEW_S: Final = 15.0
_POLL_S: Final = 2.0
# After a Conflict, which is not always about the Lease: a quota answers so, too.
_AGAIN_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Record:
    holder: str
    duration_s: float
    acquired: str
    renewed: str
    transitions: int
    resource_version: str


class Lease:
    """``<service>-canary``; as a context manager it is released at the end."""

    def __init__(self, api: Api, service: Service, holder: str) -> None:
        self._api = api
        self._service = service
        self.holder = holder
        self._all = f"/apis/coordination.k8s.io/v1/namespaces/{service.namespace}/leases"
        self._one = f"{self._all}/{companion_name(service.name)}"
        # Local monotonic time of the last renewal, as it was asked for.
        self._renewed: float | None = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.release()
        except CanaryError:
            # It runs out by itself, and how the rollout ended matters more.
            return

    def acquire(self) -> None:
        """Take the Lease; a dead holder's once it has stood still for its duration.

        Raises Held as soon as another shows life, or where a dead one's would take too long.
        """
        first: _Record | None = None
        began = self._api.monotonic()
        while True:
            found = self._read()
            left_s = self._left_s(first, found, self._api.monotonic() - began)
            if left_s > 0:
                first = found
                self._api.sleep(min(_POLL_S, left_s))
            elif self._take(found):
                return
            else:
                self._api.sleep(_AGAIN_S)

    def _left_s(self, first: _Record | None, found: _Record | None, watched_s: float) -> float:
        """Return for how long it must still stand still; raises Held."""
        if found is None or found.holder in ("", self.holder):
            return 0.0
        is_alive = first is not None and found != first
        if is_alive or found.duration_s > 2 * DURATION_S:
            raise Held(self._held(found))
        return found.duration_s - watched_s

    def renew_if_due(self) -> None:
        """Renew once RENEW_S have passed; to be called at least that often.

        Raises Held where another has taken it: nothing may be written any more.
        """
        assert self._renewed is not None, "renewed before it was acquired"
        if self._api.monotonic() - self._renewed >= RENEW_S:
            self.renew()

    def renew(self) -> None:
        """Renew now, and so prove that it is ours; raises Held where another has taken it."""
        while True:
            found = self._read()
            if found is not None and found.holder != self.holder:
                raise Held(self._held(found))
            if self._take(found):
                return
            self._api.sleep(_AGAIN_S)

    def release(self) -> None:
        """Give it back, so that the next one need not wait; nothing where another has it."""
        if self._renewed is None:
            return
        self._renewed = None
        found = self._read()
        if found is None or found.holder != self.holder:
            return
        try:
            self._api.call(self._update(found, self._spec(found, holder="", duration_s=1.0)))
        except Conflict:
            # Then another was quicker, and it is theirs.
            return

    def _held(self, found: _Record) -> str:
        return (
            f"{found.holder} holds the Lease {self._service.namespace}/"
            f"{companion_name(self._service.name)}, renewed {found.renewed}: "
            "one operator at a time"
        )

    def _read(self) -> _Record | None:
        try:
            return _parse(self._api.call(Request("GET", self._one)))
        except NotFound:
            return None

    def _take(self, found: _Record | None) -> bool:
        """Return whether it is ours now; False where it has changed under our hands."""
        asked = self._api.monotonic()
        spec = self._spec(found, holder=self.holder, duration_s=DURATION_S)
        try:
            self._api.call(self._create(spec) if found is None else self._update(found, spec))
        except UnknownWrite:
            now = self._read()
            if now is None or (now.holder, now.renewed) != (self.holder, spec["renewTime"]):
                return False
        except Conflict:
            return False
        self._renewed = asked
        return True

    def _spec(self, found: _Record | None, *, holder: str, duration_s: float) -> dict[str, Any]:
        now = micro_time(self._api.now())
        is_same = found is not None and found.holder == holder
        before = found.transitions if found is not None else -1
        return {
            "holderIdentity": holder,
            "leaseDurationSeconds": int(duration_s),
            "acquireTime": found.acquired if found is not None and is_same else now,
            "renewTime": now,
            "leaseTransitions": before if is_same or not holder else before + 1,
        }

    def _create(self, spec: dict[str, Any]) -> Request:
        return Request("POST", self._all, {"fieldManager": TOOL}, self._body(spec))

    def _update(self, found: _Record, spec: dict[str, Any]) -> Request:
        body = self._body(spec)
        body["metadata"]["resourceVersion"] = found.resource_version
        return Request("PUT", self._one, {"fieldManager": TOOL}, body)

    def _body(self, spec: dict[str, Any]) -> dict[str, Any]:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": companion_metadata(self._service),
            "spec": spec,
        }


def _parse(body: dict[str, Any]) -> _Record:
    spec = body.get("spec") or {}
    return _Record(
        holder=spec.get("holderIdentity") or "",
        duration_s=float(spec.get("leaseDurationSeconds") or DURATION_S),
        acquired=spec.get("acquireTime") or "",
        renewed=spec.get("renewTime") or "",
        transitions=spec.get("leaseTransitions") or 0,
        resource_version=body["metadata"]["resourceVersion"],
    )
