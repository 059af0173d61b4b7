"""What belongs to an InferenceService goes with it."""

from typing import Any, Final

from canary.rollout.service import Service

API_VERSION: Final = "serving.kserve.io/v1beta1"
KIND: Final = "InferenceService"
TOOL: Final = "r1-canary"


def companion_name(service_name: str) -> str:
    """Return the name of the service's ConfigMap and of its Lease."""
    return f"{service_name}-canary"


def companion_metadata(service: Service) -> dict[str, Any]:
    """Return the metadata of an object that the garbage collector deletes with the service."""
    return {
        "name": companion_name(service.name),
        "namespace": service.namespace,
        "labels": {"app.kubernetes.io/managed-by": TOOL},
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": service.name,
                "uid": service.uid,
                # True would ask for a right on the service's finalizers.
                "blockOwnerDeletion": False,
                "controller": False,
            }
        ],
    }


def is_owned_by(body: dict[str, Any], service: Service) -> bool:
    """Tell whether an object belongs to this very service, not to an earlier one of its name."""
    owners = body["metadata"].get("ownerReferences") or []
    return any(owner.get("uid") == service.uid for owner in owners)
