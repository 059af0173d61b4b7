"""What objects name: it must be there, in the same target."""

from collections.abc import Iterator
from typing import Any, Final

from manifests.lint.faults import Finding, Path, at, items, select
from manifests.lint.pods import Pod
from manifests.lint.render import Document
from manifests.lint.target import Target

KUBERNETES: Final = "Kubernetes"
CLAIM: Final = "pvc://"

# In a pod's spec: where another object is named, and of which kind it is.
IN_POD: Final[tuple[tuple[Path, str], ...]] = (
    (("serviceAccountName",), "ServiceAccount"),
    (("volumes", "*", "configMap", "name"), "ConfigMap"),
    (("volumes", "*", "projected", "sources", "*", "configMap", "name"), "ConfigMap"),
    (("volumes", "*", "persistentVolumeClaim", "claimName"), "PersistentVolumeClaim"),
    (("containers", "*", "envFrom", "*", "configMapRef", "name"), "ConfigMap"),
    (("containers", "*", "env", "*", "valueFrom", "configMapKeyRef", "name"), "ConfigMap"),
)
# Kubernetes publishes it in every namespace.
PUBLISHED: Final = ("ConfigMap", "kube-root-ca.crt")
# Cluster-wide kinds, which manifests/cluster installs.
IN_CLUSTER: Final[tuple[tuple[Path, str], ...]] = (
    (("runtimeClassName",), "RuntimeClass"),
    (("priorityClassName",), "PriorityClass"),
)
# Kinds without a namespace.
CLUSTER_WIDE: Final = (
    *("Namespace", "RuntimeClass", "PriorityClass", "ClusterRole", "ClusterRoleBinding"),
    *("ClusterServingRuntime", "ClusterStorageContainer", "LocalModelCache"),
    *("LocalModelNodeGroup", "ClusterIssuer", "PersistentVolume", "StorageClass"),
    "CustomResourceDefinition",
)
# Deployments that KServe makes in Standard mode have the predictor's name.
SCALED: Final = ("Deployment", "StatefulSet")


def check(target: Target) -> Iterator[Finding]:
    """Yield names that nothing bears."""
    for document in target.documents:
        yield from _namespace(document)
        if document.kind in ("RoleBinding", "ClusterRoleBinding"):
            yield from _binding(target, document)
        yield from _scaled(target, document)
    for pod in target.pods():
        yield from _pod(target, pod)
        yield from _volume_mounts(pod)
        yield from _storage_uri(target, pod)


def _namespace(document: Document) -> Iterator[Finding]:
    path = ("metadata", "namespace")
    if document.kind not in CLUSTER_WIDE and not document.namespace:
        # A component's objects do not pass through the base's own `namespace:`.
        yield Finding(document, path, "must be there: kubectl would take its own (ours)")


def _pod(target: Target, pod: Pod) -> Iterator[Finding]:
    for rows, namespace in ((IN_POD, pod.document.namespace), (IN_CLUSTER, "")):
        for pattern, kind in rows:
            for path, name in select(pod.spec, pattern):
                if name.startswith("system-") or (kind, name) == PUBLISHED:
                    continue
                if target.named(kind, namespace, name):
                    continue
                rule = f"must be the name of a {kind} of this target ({KUBERNETES})"
                yield Finding(pod.document, (*pod.path, *path), rule)
    if "serviceAccountName" not in pod.spec:
        rule = "must be there: the default account is everybody's (ours)"
        yield Finding(pod.document, (*pod.path, "serviceAccountName"), rule)


def _volume_mounts(pod: Pod) -> Iterator[Finding]:
    volumes = {volume.get("name") for volume in items(pod.spec, "volumes")}
    for path, container in pod.containers():
        for index, mount in enumerate(items(container, "volumeMounts")):
            if mount.get("name") not in volumes:
                place = (*path, "volumeMounts", index, "name")
                yield Finding(pod.document, place, f"must name a volume ({KUBERNETES})")


def _storage_uri(target: Target, pod: Pod) -> Iterator[Finding]:
    for path, uri in _storage_uris(pod):
        claim = uri.removeprefix(CLAIM).split("/")[0]
        namespace = pod.document.namespace
        if uri.startswith(CLAIM) and not target.named("PersistentVolumeClaim", namespace, claim):
            rule = "must name a PersistentVolumeClaim of this target (KServe)"
            yield Finding(pod.document, path, rule)


def _storage_uris(pod: Pod) -> Iterator[tuple[Path, str]]:
    for path, container in pod.containers():
        for index, entry in enumerate(items(container, "env")):
            if entry.get("name") == "STORAGE_URI":
                yield (*path, "env", index, "value"), str(entry.get("value"))
    for index, entry in enumerate(items(pod.spec, "storageUris")):
        yield (*pod.path, "storageUris", index, "uri"), str(entry.get("uri"))


def _binding(target: Target, document: Document) -> Iterator[Finding]:
    role = at(document.body, "roleRef", "name")
    kind = str(at(document.body, "roleRef", "kind"))
    namespace = document.namespace if kind == "Role" else ""
    if kind == "Role" and not target.named(kind, namespace, role):
        rule = f"must be the name of a Role of this target ({KUBERNETES})"
        yield Finding(document, ("roleRef", "name"), rule)
    for index, subject in enumerate(items(document.body, "subjects")):
        if subject.get("kind") == "ServiceAccount" and not _has_account(target, subject):
            rule = f"must be the name of a ServiceAccount of this target ({KUBERNETES})"
            yield Finding(document, ("subjects", index, "name"), rule)


def _has_account(target: Target, subject: dict[str, Any]) -> bool:
    namespace, name = str(subject.get("namespace", "")), str(subject.get("name"))
    return bool(target.named("ServiceAccount", namespace, name))


def _scaled(target: Target, document: Document) -> Iterator[Finding]:
    path = ("spec", "scaleTargetRef", "name")
    name = at(document.body, *path)
    if name is None:
        return
    made = {f"{each.name}-predictor" for each in target.documents if _is_standard(each)}
    made |= {each.name for each in target.documents if each.kind in SCALED}
    if name not in made:
        rule = f"must be one of {', '.join(sorted(made)) or 'no Deployment here'} ({KUBERNETES})"
        yield Finding(document, path, rule)


def _is_standard(document: Document) -> bool:
    mode = at(document.body, "metadata", "annotations", "serving.kserve.io/deploymentMode")
    return document.kind == "InferenceService" and mode == "Standard"
