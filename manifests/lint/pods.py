"""The pods that objects make: their labels, and the ``restricted`` Pod Security profile.

Profile: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from manifests.lint.faults import Finding, Path, at, items, mapping
from manifests.lint.render import Document
from manifests.lint.values import Row, absent, apply, integer, keys_in, none_of, one_of

RESTRICTED: Final = "Pod Security restricted"
OURS: Final = "ours"
MODE: Final = "serving.kserve.io/deploymentMode"
# Other pods of namespace r1 that no manifest makes, since a user runs them.
GUESTS: Final = ({"app.kubernetes.io/name": "r1-canary"},)

TEMPLATES: Final[dict[str, Path]] = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
CONTAINERS: Final = ("initContainers", "containers")


@dataclass(frozen=True, slots=True)
class Pod:
    """The pods of one object: where their spec stands in it, and the labels they get."""

    document: Document
    path: Path
    labels: Mapping[str, str]

    @property
    def spec(self) -> dict[str, Any]:
        return mapping(self.document.body, *self.path)

    @property
    def is_knative(self) -> bool:
        return is_knative(self.document)

    @property
    def is_meshed(self) -> bool:
        return self.labels.get(INJECTION) != "false"

    def containers(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        for group in CONTAINERS:
            for index, container in enumerate(items(self.spec, group)):
                yield (*self.path, group, index), container


def is_knative(document: Document) -> bool:
    mode = at(document.body, "metadata", "annotations", MODE)
    return document.kind == "InferenceService" and mode == "Knative"


def pods_of(document: Document) -> Iterator[Pod]:
    """Yield the pods that an object makes."""
    if document.kind == "InferenceService":
        yield Pod(document, ("spec", "predictor"), _predictor_labels(document))
    elif document.kind == "Pod":
        yield Pod(document, ("spec",), mapping(document.body, "metadata", "labels"))
    elif document.kind in TEMPLATES:
        template = TEMPLATES[document.kind]
        labels = mapping(document.body, *template, "metadata", "labels")
        yield Pod(document, (*template, "spec"), labels)


def _predictor_labels(document: Document) -> dict[str, str]:
    """Return the labels that KServe, and Knative under it, put on the predictor's pods."""
    service = f"{document.name}-predictor"
    labels = {
        **mapping(document.body, "metadata", "labels"),
        **mapping(document.body, "spec", "predictor", "labels"),
        "serving.kserve.io/inferenceservice": document.name,
        "component": "predictor",
    }
    if is_knative(document):
        named = {f"serving.knative.dev/{key}": service for key in ("service", "configuration")}
        return {**labels, **named}
    return {**labels, "app": f"isvc.{service}"}


SECCOMP_PATH: Final = ("securityContext", "seccompProfile")
INJECTION: Final = "sidecar.istio.io/inject"
SECCOMP: Final = ("RuntimeDefault", "Localhost")
VOLUMES: Final = (
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image"),
    *("persistentVolumeClaim", "projected", "secret"),
)
POD_ROWS: Final = (
    *(
        Row((field,), OURS, absent("shares the node with the pod: must not be there"))
        for field in ("hostNetwork", "hostPID", "hostIPC")
    ),
    Row(("securityContext", "runAsNonRoot"), RESTRICTED, one_of(True)),
    Row(("securityContext", "runAsUser"), RESTRICTED, integer(1)),
    Row(("securityContext", "seccompProfile", "type"), RESTRICTED, one_of(*SECCOMP)),
    Row(("securityContext", "sysctls"), RESTRICTED, absent("must not be there")),
    Row(("volumes", "*"), RESTRICTED, keys_in(("name", *VOLUMES))),
)
CONTAINER_ROWS: Final = (
    Row(
        ("securityContext", "allowPrivilegeEscalation"), RESTRICTED, one_of(False), is_required=True
    ),
    Row(("securityContext", "privileged"), RESTRICTED, none_of(True)),
    Row(("securityContext", "capabilities", "drop"), RESTRICTED, one_of(["ALL"]), is_required=True),
    Row(("securityContext", "capabilities", "add"), RESTRICTED, one_of(["NET_BIND_SERVICE"])),
    Row(("securityContext", "procMount"), RESTRICTED, one_of("Default")),
    Row(("securityContext", "runAsNonRoot"), RESTRICTED, one_of(True)),
    # Beyond the profile: an own user, which no image's and no node's user shares.
    Row(("securityContext", "runAsUser"), OURS, integer(10000)),
    Row(("securityContext", "seccompProfile", "type"), RESTRICTED, one_of(*SECCOMP)),
    Row(("securityContext", "readOnlyRootFilesystem"), OURS, one_of(True), is_required=True),
    Row(("ports", "*", "hostPort"), RESTRICTED, absent("must not be there")),
)


def security(pod: Pod) -> Iterator[Finding]:
    """Yield what Pod Security would refuse, or what ours asks beyond it."""
    yield from apply(POD_ROWS, pod.document, pod.path)
    has_seccomp = at(pod.spec, *SECCOMP_PATH) is not None
    if pod.is_meshed and not has_seccomp:
        rule = f"must be there: Istio's containers have none before 1.28 ({RESTRICTED})"
        yield Finding(pod.document, (*pod.path, *SECCOMP_PATH), rule)
    is_rootless = at(pod.spec, "securityContext", "runAsNonRoot") is not None
    for path, container in pod.containers():
        yield from apply(CONTAINER_ROWS, pod.document, path)
        if not is_rootless:
            yield from _own(pod, path, container, "runAsNonRoot")
        if not pod.is_meshed and not has_seccomp:
            yield from _own(pod, path, container, "seccompProfile")


def _own(pod: Pod, path: Path, container: dict[str, Any], field: str) -> Iterator[Finding]:
    """Yield a field of a security context that its container lacks, and the pod."""
    if at(container, "securityContext", field) is None:
        rule = f"must be there, or on the pod ({RESTRICTED})"
        yield Finding(pod.document, (*path, "securityContext", field), rule)
