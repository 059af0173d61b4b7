"""All that a rollout asks of the cluster."""

from collections.abc import Mapping
from typing import Any

from canary.cluster import events, permissions
from canary.cluster.api import Api
from canary.cluster.lease import Lease
from canary.cluster.owners import TOOL
from canary.cluster.patches import patch_percent, patch_template
from canary.cluster.pods import REVISION_LABEL, parse_pods
from canary.cluster.refusals import UnknownWrite
from canary.cluster.services import parse_service
from canary.cluster.store import Store
from canary.cluster.transport import JSON_PATCH, Request
from canary.rollout.actions import Patch
from canary.rollout.service import Pods, Service
from canary.rollout.state import Live, Template


class Cluster:
    """Each method raises Unreachable, Forbidden, NotFound or Rejected, beside what it names."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def now(self) -> float:
        """Return the cluster's Unix time in seconds, right to about 2 s."""
        return self._api.now()

    def read_service(self, namespace: str, name: str) -> Service:
        """Return the InferenceService as it is; raises InputError for a shape not known."""
        return parse_service(self._api.call(Request("GET", _path(namespace, name))))

    def dry_run_template(
        self, service: Service, predictor: Mapping[str, Any], percent: int | None
    ) -> str:
        """Return the fingerprint that the service would get, the webhooks' defaults included.

        Raises Conflict where the service has changed since it was read.
        """
        patch = patch_template(Template(predictor, ""), percent, service.resource_version)
        return self._patch(service.namespace, service.name, patch, dryRun="All").fingerprint

    def patch(self, namespace: str, name: str, patch: Patch) -> Service:
        """Write the percent, and the template where there is one; return the service as written.

        Raises Conflict where the service has changed since ``patch.resource_version``. An attempt
        whose fate is not told is compared with what is there: it is done, or it is a Conflict.
        """
        if patch.template is None:
            body = patch_percent(patch.live.percent, patch.resource_version)
        else:
            body = patch_template(patch.template, patch.live.percent, patch.resource_version)
        try:
            return self._patch(namespace, name, body)
        except UnknownWrite:
            found = self.read_service(namespace, name)
            if Live(found.fingerprint, found.percent) != patch.live:
                raise
            return found

    def pods_of(self, namespace: str, revision: str) -> Pods:
        """Return how a revision's pods fare; zero of them where it is scaled to zero."""
        path = f"/api/v1/namespaces/{namespace}/pods"
        query = {"labelSelector": f"{REVISION_LABEL}={revision}"}
        return parse_pods(revision, self._api.call(Request("GET", path, query))["items"])

    def store(self, service: Service) -> Store:
        """Return where the service's rollout is kept."""
        return Store(self._api, service)

    def lease(self, service: Service, holder: str) -> Lease:
        """Return the service's lock; ``holder`` is unique to this process."""
        return Lease(self._api, service, holder)

    def tell(
        self,
        service: Service,
        *,
        key: str,
        time: float,
        reason: str,
        text: str,
        is_warning: bool,
        instance: str,
    ) -> None:
        """Write an Event, once for each key, or raise why not: a rollout can go on without."""
        events.tell(
            self._api,
            service,
            key=key,
            time=time,
            reason=reason,
            text=text,
            is_warning=is_warning,
            instance=instance,
        )

    def missing_permissions(self, namespace: str, service: str) -> list[str]:
        """Return the rights that the tool would use and does not have."""
        return permissions.missing_permissions(self._api, namespace, service)

    def _patch(
        self, namespace: str, name: str, body: list[dict[str, Any]], **query: str
    ) -> Service:
        # Strict, or a misspelt field is dropped in silence.
        asked = {"fieldManager": TOOL, "fieldValidation": "Strict", **query}
        request = Request("PATCH", _path(namespace, name), asked, body, JSON_PATCH)
        return parse_service(self._api.call(request))


def _path(namespace: str, name: str) -> str:
    return f"/apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices/{name}"
