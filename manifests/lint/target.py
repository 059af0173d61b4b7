"""A rendered target with what the rest of the tree and the cluster hold."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Final

from manifests.lint.faults import at, items, mapping
from manifests.lint.knative import Settings
from manifests.lint.pods import GUESTS, Pod, pods_of
from manifests.lint.render import Document, Recipe

# What runs outside our namespace, as Istio, Knative and kube-prometheus install it.
NEIGHBOURS: Final[dict[str, tuple[Mapping[str, str], ...]]] = {
    "istio-system": (
        {"istio": "ingressgateway", "app": "istio-ingressgateway"},
        {"app": "istiod", "istio": "pilot"},
    ),
    "knative-serving": (
        {"app": "activator"},
        {"app": "autoscaler"},
        {"app": "controller"},
        {"app": "webhook", "role": "webhook"},
        {"app": "net-istio-controller"},
        {"app": "net-istio-webhook", "role": "net-istio-webhook"},
    ),
    "kube-system": ({"k8s-app": "kube-dns"},),
    "observability": ({"app.kubernetes.io/name": "otel-collector"},),
    "kserve": ({"control-plane": "kserve-controller-manager"},),
    "keda": ({"app": "keda-operator", "app.kubernetes.io/name": "keda-operator"},),
    "monitoring": ({"app.kubernetes.io/name": "prometheus"},),
}


@dataclass(frozen=True, slots=True)
class Target:
    """One recipe's objects, beside those of ``manifests/cluster``.

    ``tree`` renders every recipe, for names that only some of them hold.
    """

    recipe: Recipe
    documents: tuple[Document, ...]
    cluster: tuple[Document, ...]
    tree: Callable[[], Sequence[Document]]

    @property
    def settings(self) -> Settings:
        return {
            document.name: mapping(document.body, "data")
            for document in self.cluster
            if document.kind == "ConfigMap"
        }

    def pods(self) -> list[Pod]:
        return [pod for document in self.documents for pod in pods_of(document)]

    def named(self, kind: str, namespace: str, name: str) -> list[Document]:
        """Return the objects of the target or the cluster with this kind, namespace and name."""
        return [
            document
            for document in (*self.documents, *self.cluster)
            if (document.kind, document.namespace, document.name) == (kind, namespace, name)
        ]


def labels_in(target: Target, namespace: str) -> Iterator[Mapping[str, str]]:
    """Yield the labels of each kind of pod in a namespace, none for one that is not known."""
    yield from NEIGHBOURS.get(namespace, ())
    for pod in target.pods():
        if pod.document.namespace == namespace:
            yield pod.labels
            yield from GUESTS


def is_known(target: Target, namespace: str) -> bool:
    """Whether it is known which pods a namespace has."""
    own = {document.namespace for document in target.documents if document.namespace}
    return namespace in NEIGHBOURS or namespace in own


def mounted_file(
    target: Target, pod: Pod, container: Mapping[str, object], path: FilePath
) -> tuple[Document, str] | None:
    """Return the ConfigMap and its key that a container sees at a path."""
    mounted = {
        mount.get("name")
        for mount in items(container, "volumeMounts")
        if mount.get("mountPath") == str(path.parent)
    }
    for volume in items(pod.spec, "volumes"):
        name = at(volume, "configMap", "name")
        if volume.get("name") in mounted and name is not None:
            for document in target.named("ConfigMap", pod.document.namespace, name):
                if path.name in mapping(document.body, "data"):
                    return document, path.name
    return None


def matches(selector: Mapping[str, object], labels: Mapping[str, str]) -> bool:
    """Whether a label selector, or a plain mapping of labels, takes in such a pod."""
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        return all(labels.get(key) == value for key, value in selector.items())
    wanted = mapping(selector, "matchLabels")
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    expressions = at(selector, "matchExpressions") or []
    return all(_fulfils(expression, labels) for expression in expressions)


def _fulfils(expression: Mapping[str, object], labels: Mapping[str, str]) -> bool:
    found = labels.get(str(expression.get("key")))
    values = expression.get("values") or []
    assert isinstance(values, list)
    return {
        "In": found in values,
        "NotIn": found not in values,
        "Exists": found is not None,
        "DoesNotExist": found is None,
    }[str(expression.get("operator"))]
