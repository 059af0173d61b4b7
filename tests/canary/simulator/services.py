"""InferenceServices for tests, and the edits that begin a canary."""

from typing import Any

from tests.canary.simulator.contract import MERGE
from tests.canary.simulator.universe import SERVICES, Universe


def service(image: str, name: str = "r1", *, min_replicas: int = 1) -> dict[str, Any]:
    """Return an InferenceService in Knative mode with tag routing."""
    annotations = {
        "serving.kserve.io/deploymentMode": "Knative",
        "serving.kserve.io/enable-tag-routing": "true",
    }
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"predictor": predictor(image, min_replicas=min_replicas)},
    }


def predictor(image: str, *, min_replicas: int = 1) -> dict[str, Any]:
    """Return spec.predictor with one container."""
    container = {"name": "kserve-container", "image": image}
    return {"minReplicas": min_replicas, "containers": [container]}


def start_canary(universe: Universe, image: str, percent: int, name: str = "r1") -> None:
    """Write a new image and its percent in one edit, as a user would."""
    edited = predictor(image) | {"canaryTrafficPercent": percent}
    edit(universe, {"spec": {"predictor": edited}}, name)


def edit(universe: Universe, patch: dict[str, Any], name: str = "r1") -> None:
    """Merge a patch into an InferenceService, as somebody else than the tool."""
    path = f"{SERVICES}/{name}"
    answer = universe.direct.ask(
        "PATCH", path, patch, content_type=MERGE, agent="kubectl-edit/1.30"
    )
    assert answer.status == 200, answer.body
