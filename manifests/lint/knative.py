"""What Knative's webhook refuses of the pods in a revision.

Source: knative/serving v1.21.1, pkg/apis/serving (k8s_validation.go, fieldmask.go), its v1
(revision_validation.go), pkg/apis/config (features.go, defaults.go).
"""

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any, Final

from manifests.lint.faults import Finding, Path, at, items, mapping
from manifests.lint.kserve import IMPLEMENTATIONS
from manifests.lint.pods import Pod
from manifests.lint.values import (
    Row,
    absent,
    apply,
    integer,
    keys_in,
    none_of,
    one_of,
    unknown_keys,
)

KNATIVE: Final = "Knative"
# Name to data, of each ConfigMap that manifests/cluster sets.
Settings = Mapping[str, Mapping[str, str]]

# Fields of a predictor that are KServe's, not the pod's, beside its implementations.
EXTENSIONS: Final = (
    *("minReplicas", "maxReplicas", "scaleTarget", "scaleMetric", "scaleMetricType"),
    *("autoScaling", "containerConcurrency", "timeout", "canaryTrafficPercent", "logger"),
    *("batcher", "labels", "annotations", "deploymentStrategy", "storageUris", "name"),
    "workerSpec",
    *IMPLEMENTATIONS,
)
ALWAYS: Final = (
    *("serviceAccountName", "containers", "volumes", "imagePullSecrets", "enableServiceLinks"),
    "automountServiceAccountToken",
)
FLAGS: Final = {
    field: f"kubernetes.podspec-{field.lower()}"
    for field in (
        *("affinity", "topologySpreadConstraints", "hostAliases", "nodeSelector", "tolerations"),
        *("runtimeClassName", "securityContext", "shareProcessNamespace", "priorityClassName"),
        *("schedulerName", "dnsPolicy", "dnsConfig", "hostIPC", "hostPID", "hostNetwork"),
    )
} | {"initContainers": "kubernetes.podspec-init-containers"}
VOLUME_FLAGS: Final = {
    "persistentVolumeClaim": "kubernetes.podspec-persistent-volume-claim",
    "hostPath": "kubernetes.podspec-volumes-hostpath",
    "csi": "kubernetes.podspec-volumes-csi",
    "image": "kubernetes.podspec-volumes-image",
    "emptyDir": "kubernetes.podspec-volumes-emptydir",
}
CONTAINER: Final = (
    *("name", "args", "command", "env", "workingDir", "envFrom", "image", "imagePullPolicy"),
    *("livenessProbe", "ports", "readinessProbe", "resources", "securityContext"),
    *("startupProbe", "terminationMessagePath", "terminationMessagePolicy", "volumeMounts"),
)
SECURITY: Final = (
    *("capabilities", "readOnlyRootFilesystem", "runAsUser", "runAsGroup", "runAsNonRoot"),
    *("allowPrivilegeEscalation", "seccompProfile", "privileged"),
)
RESERVED_PORTS: Final = (8008, 8012, 8013, 8022, 9090, 9091)
RESERVED_ENV: Final = ("PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION")
RESERVED_PATHS: Final = ("/", "/dev", "/dev/log")
PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")

POD_ROWS: Final = (
    Row(("automountServiceAccountToken",), KNATIVE, one_of(False)),
    Row(
        ("volumes", "*"),
        KNATIVE,
        keys_in(("name", "secret", "configMap", "projected", *VOLUME_FLAGS)),
    ),
)
CONTAINER_ROWS: Final = (
    Row(("image",), KNATIVE, lambda value: None if value else "must be there", is_required=True),
    Row(("securityContext", "privileged"), KNATIVE, one_of(False)),
    Row(("ports", "*", "hostIP"), KNATIVE, absent("is never allowed")),
    Row(("ports", "*", "name"), KNATIVE, one_of("http1", "h2c")),
    Row(("ports", "*", "protocol"), KNATIVE, one_of("TCP")),
    Row(("ports", "*", "containerPort"), KNATIVE, none_of(*RESERVED_PORTS)),
    Row(("env", "*", "name"), KNATIVE, none_of(*RESERVED_ENV)),
    Row(("volumeMounts", "*", "recursiveReadOnly"), KNATIVE, absent("is never allowed")),
    Row(("resources",), KNATIVE, keys_in(("requests", "limits"))),
    Row(("readinessProbe", "successThreshold"), KNATIVE, integer(1)),
)


def check(pod: Pod, settings: Settings) -> Iterator[Finding]:
    """Yield what is wrong with a revision's pods, given the cluster's settings."""
    features = settings.get("config-features", {})
    yield from apply(POD_ROWS, pod.document, pod.path)
    yield from _pod_fields(pod, features)
    yield from _volumes(pod, features)
    yield from _ports(pod)
    for path, container in pod.containers():
        yield from apply(CONTAINER_ROWS, pod.document, path)
        yield from unknown_keys(pod.document, path, CONTAINER, KNATIVE)
        yield from unknown_keys(pod.document, (*path, "securityContext"), SECURITY, KNATIVE)
        yield from _container_flags(pod, path, container, features)
        yield from _mounts(pod, path, container)
        yield from _probes(pod, path, container)
    yield from _limits(pod, settings)


def _needs(pod: Pod, path: Path, flag: str, features: Mapping[str, str]) -> Iterator[Finding]:
    if features.get(flag) != "enabled":
        found = features.get(flag, "not set")
        rule = f"needs {flag} enabled in cluster/config-features, {found} ({KNATIVE})"
        yield Finding(pod.document, path, rule)


def _pod_fields(pod: Pod, features: Mapping[str, str]) -> Iterator[Finding]:
    for field in pod.spec:
        path = (*pod.path, field)
        if field in FLAGS:
            yield from _needs(pod, path, FLAGS[field], features)
        elif field not in ALWAYS and field not in EXTENSIONS:
            yield Finding(pod.document, path, f"is not allowed in a revision ({KNATIVE})")
    if len(items(pod.spec, "containers")) > 1:
        yield from _needs(pod, (*pod.path, "containers"), "multi-container", features)
    if pod.spec.get("storageUris"):
        # Unlike the one of STORAGE_URI they are init containers before Knative sees the pod.
        yield from _needs(pod, (*pod.path, "storageUris"), FLAGS["initContainers"], features)


def _volumes(pod: Pod, features: Mapping[str, str]) -> Iterator[Finding]:
    mounted = {
        mount.get("name") for _, each in pod.containers() for mount in items(each, "volumeMounts")
    }
    for index, volume in enumerate(items(pod.spec, "volumes")):
        path = (*pod.path, "volumes", index)
        for kind in volume.keys() & VOLUME_FLAGS.keys():
            yield from _needs(pod, (*path, kind), VOLUME_FLAGS[kind], features)
        claim = volume.get("persistentVolumeClaim")
        if claim and not claim.get("readOnly"):
            flag = "kubernetes.podspec-persistent-volume-write"
            place = (*path, "persistentVolumeClaim", "readOnly")
            yield from _needs(pod, place, flag, features)
        if volume.get("name") not in mounted:
            yield Finding(pod.document, (*path, "name"), f"must be mounted ({KNATIVE})")


def _ports(pod: Pod) -> Iterator[Finding]:
    places = [
        (*path, "ports", index)
        for path, container in pod.containers()
        for index in range(len(items(container, "ports")))
    ]
    for path in places[1:]:
        yield Finding(pod.document, path, f"must be the one port of all containers ({KNATIVE})")


def _container_flags(
    pod: Pod, path: Path, container: dict[str, Any], features: Mapping[str, str]
) -> Iterator[Finding]:
    for index, entry in enumerate(items(container, "env")):
        source = mapping(entry, "valueFrom")
        if source.keys() & {"fieldRef", "resourceFieldRef"}:
            place = (*path, "env", index, "valueFrom")
            yield from _needs(pod, place, "kubernetes.podspec-fieldref", features)
    added = (*path, "securityContext", "capabilities", "add")
    if at(pod.document.body, *added):
        yield from _needs(pod, added, "kubernetes.containerspec-addcapabilities", features)
    for probe in PROBES[:2]:
        if container.get(probe) and not container.get("ports") and path[-1] != 0:
            yield from _needs(pod, (*path, probe), "multi-container-probing", features)


def _mounts(pod: Pod, path: Path, container: dict[str, Any]) -> Iterator[Finding]:
    volumes = {volume.get("name"): volume for volume in items(pod.spec, "volumes")}
    seen: set[str] = set()
    for index, mount in enumerate(items(container, "volumeMounts")):
        place = (*path, "volumeMounts", index)
        target = posixpath.normpath(str(mount.get("mountPath")))
        if target in RESERVED_PATHS or target in seen:
            rule = f"must be a path of its own, none of {', '.join(RESERVED_PATHS)} ({KNATIVE})"
            yield Finding(pod.document, (*place, "mountPath"), rule)
        seen.add(target)
        volume = volumes.get(mount.get("name"), {})
        is_writable = "emptyDir" in volume or (
            "persistentVolumeClaim" in volume
            and not at(volume, "persistentVolumeClaim", "readOnly")
        )
        if volume and not is_writable and mount.get("readOnly") is not True:
            rule = f"must be true for such a volume ({KNATIVE})"
            yield Finding(pod.document, (*place, "readOnly"), rule)


def _probes(pod: Pod, path: Path, container: dict[str, Any]) -> Iterator[Finding]:
    for name in PROBES:
        if "initContainers" in path and name in container:
            yield Finding(pod.document, (*path, name), f"is not for init containers ({KNATIVE})")
    probe = mapping(container, "readinessProbe")
    # Left out it is 0: queue-proxy then asks in its own, quick way.
    if not probe.get("periodSeconds"):
        for field in ("failureThreshold", "timeoutSeconds"):
            if probe.get(field):
                rule = f"needs periodSeconds above 0 ({KNATIVE})"
                yield Finding(pod.document, (*path, "readinessProbe", field), rule)


def _limits(pod: Pod, settings: Settings) -> Iterator[Finding]:
    defaults = settings.get("config-defaults", {})
    bounds = (
        ("timeout", "max-revision-timeout-seconds", "600"),
        ("containerConcurrency", "container-concurrency-max-limit", "1000"),
    )
    for field, setting, default in bounds:
        most = int(defaults.get(setting, default))
        found = pod.spec.get(field)
        if isinstance(found, int) and found > most:
            rule = f"must be at most {most}, {setting} of cluster/config-defaults ({KNATIVE})"
            yield Finding(pod.document, (*pod.path, field), rule)
