"""What KServe and Knative make of an InferenceService, so that scanners see a pod.

Scanners do not look inside an InferenceService. This is KServe 0.20's and Knative 1.21's work for
the fields that our manifests use; a field that is not known here is an error, never left out. The
containers that others inject (queue-proxy, the sidecar) are not made: they are not ours to harden.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

Object = dict[str, Any]

MODE = "serving.kserve.io/deploymentMode"
POD_FIELDS = frozenset(
    {
        "affinity",
        "automountServiceAccountToken",
        "enableServiceLinks",
        "nodeSelector",
        "priorityClassName",
        "runtimeClassName",
        "securityContext",
        "serviceAccountName",
        "tolerations",
        "topologySpreadConstraints",
    }
)
# Said to the autoscaler or the proxies, and nowhere in a pod.
SCALING_FIELDS = frozenset({"minReplicas", "maxReplicas"})
KNATIVE_FIELDS = frozenset({"canaryTrafficPercent", "scaleMetric", "scaleTarget"})
CONTAINER_FIELDS = frozenset(
    {
        "args",
        "command",
        "env",
        "image",
        "imagePullPolicy",
        "lifecycle",
        "livenessProbe",
        "name",
        "ports",
        "readinessProbe",
        "resources",
        "securityContext",
        "startupProbe",
        "volumeMounts",
    }
)


class UnknownField(Exception):
    """The InferenceService says something that this translation does not."""


def equivalent_of(service: Object) -> list[Object]:
    """Return the Deployment and the Service of an InferenceService."""
    metadata, spec = service["metadata"], copy.deepcopy(service["spec"])
    annotations = metadata["annotations"]
    _only(service, {"apiVersion", "kind", "metadata", "spec"}, "InferenceService")
    _only(metadata, {"name", "namespace", "labels", "annotations"}, "metadata")
    _only(spec, {"predictor"}, "spec")
    make = {"Knative": _of_knative, "Standard": _of_standard}[annotations[MODE]]
    return make(metadata, spec["predictor"])


def _of_knative(metadata: Object, predictor: Object) -> list[Object]:
    known = {"annotations", "labels", "containers", "volumes", "timeout", "containerConcurrency"}
    _only(predictor, POD_FIELDS | SCALING_FIELDS | KNATIVE_FIELDS | known, "predictor")
    service = f"{metadata['name']}-predictor"
    revision = f"{service}-00001"
    labels = _labels(metadata, predictor) | {
        "app": revision,
        "serving.knative.dev/configuration": service,
        "serving.knative.dev/revision": revision,
        "serving.knative.dev/service": service,
    }
    template = _template(predictor, labels)
    # Knative allows no field for the grace.
    template["spec"]["terminationGracePeriodSeconds"] = predictor["timeout"]
    container = template["spec"]["containers"][0]
    [port] = container["ports"]
    user_port = port["containerPort"]
    container["ports"] = [{"name": "user-port", "containerPort": user_port}]
    _move_liveness(container, user_port)
    annotations = predictor["annotations"]
    deployment = {
        "replicas": int(annotations["autoscaling.knative.dev/initial-scale"]),
        "progressDeadlineSeconds": int(
            annotations["serving.knative.dev/progress-deadline"].removesuffix("s")
        ),
        "selector": {"matchLabels": {"serving.knative.dev/revision": revision}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}},
        "template": template,
    }
    queue_port = 8013 if port.get("name") == "h2c" else 8012
    return [
        _object("apps/v1", "Deployment", f"{revision}-deployment", metadata, labels, deployment),
        _service(
            f"{revision}-private",
            metadata,
            labels,
            {"serving.knative.dev/revision": revision},
            [{"name": "http", "port": 80, "targetPort": queue_port}],
        ),
    ]


def _of_standard(metadata: Object, predictor: Object) -> list[Object]:
    known = {"annotations", "labels", "containers", "volumes", "timeout", "autoScaling"}
    known |= {"deploymentStrategy", "terminationGracePeriodSeconds"}
    _only(predictor, POD_FIELDS | SCALING_FIELDS | known, "predictor")
    name = f"{metadata['name']}-predictor"
    app = f"isvc.{name}"
    labels = _labels(metadata, predictor) | {"app": app}
    template = _template(predictor, labels)
    grace = predictor["terminationGracePeriodSeconds"]
    template["spec"]["terminationGracePeriodSeconds"] = grace
    deployment = {
        "replicas": predictor["minReplicas"],
        "selector": {"matchLabels": {"app": app}},
        "strategy": predictor["deploymentStrategy"],
        "template": template,
    }
    first, *others = template["spec"]["containers"][0]["ports"]
    ports = [{"name": first["name"], "port": 80, "targetPort": first["containerPort"]}]
    ports += [
        {"name": port["name"], "port": port["containerPort"], "targetPort": port["containerPort"]}
        for port in others
    ]
    return [
        _object("apps/v1", "Deployment", name, metadata, labels, deployment),
        _service(name, metadata, labels, {"app": app}, ports),
    ]


def _labels(metadata: Object, predictor: Object) -> dict[str, str]:
    return {
        **metadata.get("labels", {}),
        **predictor.get("labels", {}),
        "serving.kserve.io/inferenceservice": metadata["name"],
        "component": "predictor",
    }


def _template(predictor: Object, labels: dict[str, str]) -> Object:
    [container] = predictor["containers"]
    _only(container, CONTAINER_FIELDS, "container")
    spec = {field: predictor[field] for field in POD_FIELDS if field in predictor}
    spec |= {"containers": [container], "volumes": list(predictor.get("volumes", []))}
    _mount_model(spec, container)
    annotations = {
        key: value
        for key, value in predictor.get("annotations", {}).items()
        if "knative.dev/" not in key
    }
    return {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec}


def _mount_model(spec: Object, container: Object) -> None:
    env = container.get("env", [])
    uri = next((entry["value"] for entry in env if entry["name"] == "STORAGE_URI"), None)
    if uri is None:
        return
    scheme, _, path = uri.partition("://")
    place, _, directory = path.partition("/")
    if scheme == "pvc":
        source = {"persistentVolumeClaim": {"claimName": place, "readOnly": True}}
    elif scheme == "oci+native":
        source, directory = {"image": {"reference": path, "pullPolicy": "IfNotPresent"}}, "models"
    else:
        raise UnknownField(f"STORAGE_URI is {uri!r}, known are pvc:// and oci+native://")
    spec["volumes"].append({"name": "model", **source})
    mount = {"name": "model", "mountPath": "/mnt/models", "subPath": directory, "readOnly": True}
    container["volumeMounts"].append(mount)


def _move_liveness(container: Object, port: int) -> None:
    """As Knative does: an httpGet or tcpSocket goes to the one port, whatever it said."""
    probe = container.get("livenessProbe", {})
    for handler in ("httpGet", "tcpSocket"):
        if handler in probe:
            probe[handler]["port"] = port


def _service(
    name: str,
    metadata: Object,
    labels: dict[str, str],
    selector: dict[str, str],
    ports: list[Object],
) -> Object:
    return _object("v1", "Service", name, metadata, labels, {"selector": selector, "ports": ports})


def _object(
    api_version: str, kind: str, name: str, owner: Object, labels: dict[str, str], spec: Object
) -> Object:
    metadata = {"name": name, "namespace": owner["namespace"], "labels": labels}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def _only(mapping: Mapping[str, object], known: Iterable[str], where: str) -> None:
    unknown = sorted(set(mapping) - set(known))
    if unknown:
        raise UnknownField(f"{where} has {', '.join(unknown)}, which is not known here")
