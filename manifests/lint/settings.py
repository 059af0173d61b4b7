"""The ConfigMaps of Knative and KServe: what a key is not known as has no effect, and no error.

Source: knative/serving v1.21.1, pkg/apis/config, pkg/autoscaler/config, pkg/deployment,
pkg/observability, knative.dev/networking/pkg/config; kserve v0.20.0, pkg/apis/serving/v1beta1
(configmap.go), pkg/webhook/admission/pod.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from manifests.lint.annotations import BOOLEAN, MAX_WINDOW_S
from manifests.lint.faults import Finding, at, mapping
from manifests.lint.knative import KNATIVE
from manifests.lint.kserve import KSERVE, PREDICTOR
from manifests.lint.pods import is_knative
from manifests.lint.render import Document
from manifests.lint.target import Target
from manifests.lint.values import (
    ValueRule,
    duration,
    integer_text,
    listed,
    number_text,
    one_of,
    quantity,
    seconds,
)

SERVING: Final = "knative-serving"
INFERENCE_SERVICE: Final = ("kserve", "inferenceservice-config")
FLAG: Final = one_of("enabled", "allowed", "disabled")
SWITCH: Final = one_of("enabled", "disabled", "Enabled", "Disabled")
RESOURCES: Final = ("cpu", "memory", "ephemeral-storage")


def _any(value: Any) -> str | None:
    return None if isinstance(value, str) else "must be a text"


def _interval(value: Any) -> str | None:
    return None if seconds(value) is not None else "must be a duration"


AUTOSCALER: Final[Mapping[str, ValueRule]] = {
    "pod-autoscaler-class": one_of("kpa.autoscaling.knative.dev", "hpa.autoscaling.knative.dev"),
    "enable-scale-to-zero": BOOLEAN,
    "allow-zero-initial-scale": BOOLEAN,
    "max-scale-up-rate": number_text(1.01),
    "max-scale-down-rate": number_text(1.01),
    "container-concurrency-target-percentage": number_text(0.01, 100),
    "container-concurrency-target-default": number_text(0.01),
    "requests-per-second-target-default": number_text(0.01),
    "target-burst-capacity": number_text(0, but=-1),
    "panic-window-percentage": number_text(1, 100),
    "panic-threshold-percentage": number_text(110, 1000),
    "activator-capacity": number_text(1),
    "initial-scale": integer_text(0),
    "min-scale": integer_text(0),
    "max-scale": integer_text(0),
    "max-scale-limit": integer_text(0),
    "stable-window": duration(6, MAX_WINDOW_S),
    "scale-down-delay": duration(0),
    "scale-to-zero-grace-period": _interval,
    "scale-to-zero-pod-retention-period": _interval,
}
DEFAULTS: Final[Mapping[str, ValueRule]] = {
    "container-name-template": _any,
    "init-container-name-template": _any,
    "allow-container-concurrency-zero": BOOLEAN,
    "enable-service-links": one_of("true", "false", "default"),
    "revision-timeout-seconds": integer_text(0),
    "max-revision-timeout-seconds": integer_text(0),
    "revision-response-start-timeout-seconds": integer_text(0),
    "revision-idle-timeout-seconds": integer_text(0),
    "container-concurrency": integer_text(0),
    "container-concurrency-max-limit": integer_text(1),
} | {
    f"revision-{name}-{side}": quantity(name) for name in RESOURCES for side in ("request", "limit")
}
DEPLOYMENT: Final[Mapping[str, ValueRule]] = {
    "progress-deadline": duration(1),
    "digest-resolution-timeout": _interval,
    "registries-skipping-tag-resolving": _any,
    "queue-sidecar-image": _any,
    "queue-sidecar-token-audiences": _any,
    "queue-sidecar-rootca": _any,
    "default-affinity-type": one_of("none", "prefer-spread-revision-over-nodes"),
    "runtime-class-name": _any,
    "pod-is-always-schedulable": BOOLEAN,
} | {
    f"queue-sidecar-{name}-{side}": quantity(name)
    for name in RESOURCES
    for side in ("request", "limit")
}
FEATURES: Final[Mapping[str, ValueRule]] = {
    "secure-pod-defaults": one_of("disabled", "allowrootbounded", "enabled"),
} | dict.fromkeys(
    (
        *("autodetect-http2", "multi-container", "multi-container-probing"),
        *("queueproxy.mount-podinfo", "queueproxy.resource-defaults", "tag-header-based-routing"),
        "kubernetes.containerspec-addcapabilities",
        *(
            f"kubernetes.podspec-{name}"
            for name in (
                *("affinity", "dnsconfig", "dnspolicy", "fieldref", "hostaliases", "hostipc"),
                *("hostnetwork", "hostpid", "init-containers", "nodeselector", "tolerations"),
                *("persistent-volume-claim", "persistent-volume-write", "priorityclassname"),
                *("runtimeclassname", "schedulername", "securitycontext"),
                *("shareprocessnamespace", "topologyspreadconstraints", "volumes-csi"),
                *("volumes-emptydir", "volumes-hostpath", "volumes-image"),
                "volumes-mount-propagation",
            )
        ),
    ),
    FLAG,
)
NETWORK: Final[Mapping[str, ValueRule]] = {
    "autocreate-cluster-domain-claims": BOOLEAN,
    "auto-tls": SWITCH,
    "external-domain-tls": SWITCH,
    "cluster-local-domain-tls": SWITCH,
    "system-internal-tls": SWITCH,
    "internal-encryption": BOOLEAN,
    "certificate-class": _any,
    "default-external-scheme": one_of("http", "https"),
    "ingress-class": _any,
    "domain-template": _any,
    "tag-template": _any,
    "enable-mesh-pod-addressability": BOOLEAN,
    "http-protocol": one_of("enabled", "disabled", "redirected", "Enabled", "Redirected"),
    "mesh-compatibility-mode": one_of("enabled", "disabled", "auto"),
    "namespace-wildcard-cert-selector": _any,
    "rollout-duration": integer_text(0),
}
METRICS: Final = one_of("grpc", "http/protobuf", "prometheus", "none")
OBSERVABILITY: Final[Mapping[str, ValueRule]] = {
    "logging.enable-var-log-collection": BOOLEAN,
    "logging.revision-url-template": _any,
    "logging.request-log-template": _any,
    "logging.enable-request-log": BOOLEAN,
    "logging.enable-probe-request-log": BOOLEAN,
    **{f"{of}metrics-protocol": METRICS for of in ("", "request-")},
    **{f"{of}metrics-endpoint": _any for of in ("", "request-")},
    **{f"{of}metrics-export-interval": _interval for of in ("", "request-")},
    "runtime-profiling": one_of("enabled", "disabled"),
    "runtime-export-interval": _interval,
    "tracing-protocol": one_of("grpc", "http/protobuf", "none", "stdout"),
    "tracing-endpoint": _any,
    "tracing-sampling-rate": number_text(0, 1),
}
KNOWN: Final[Mapping[str, Mapping[str, ValueRule]]] = {
    "config-autoscaler": AUTOSCALER,
    "config-defaults": DEFAULTS,
    "config-deployment": DEPLOYMENT,
    "config-features": FEATURES,
    "config-network": NETWORK,
    "config-observability": OBSERVABILITY,
}
# Whose keys are not held to a table here.
OTHERS: Final = (
    *("config-certmanager", "config-domain", "config-gc", "config-istio", "config-leader-election"),
    "config-logging",
)
KSERVE_KEYS: Final = (
    *("agent", "autoscaler", "autoscaling-wva-controller-config", "batcher", "credentials"),
    *("deploy", "explainers", "inferenceService", "ingress", "localModel", "logger"),
    *("metricsAggregator", "multiNode", "opentelemetryCollector", "resource", "router"),
    *("scheduler", "security", "service", "storageInitializer"),
)


def check(target: Target) -> Iterator[Finding]:
    """Yield settings that nobody would read, and those that an InferenceService needs otherwise."""
    for document in target.documents:
        if document.kind == "ConfigMap" and document.namespace == SERVING:
            yield from _knative(document)
        elif (document.namespace, document.name) == INFERENCE_SERVICE:
            yield from _kserve(document)
        elif is_knative(document):
            yield from _scale_to_zero(target, document)


def _knative(document: Document) -> Iterator[Finding]:
    if document.name not in (*KNOWN, *OTHERS):
        rule = f"must be one of {listed((*KNOWN, *OTHERS))} ({KNATIVE})"
        yield Finding(document, ("metadata", "name"), rule)
    rules = KNOWN.get(document.name)
    for key, value in mapping(document.body, "data").items() if rules else ():
        rule_of_key = rules.get(key) if rules else None
        wrong = rule_of_key(value) if rule_of_key else "unknown key"
        if wrong is not None:
            yield Finding(document, ("data", key), f"{wrong} ({KNATIVE})")


def _kserve(document: Document) -> Iterator[Finding]:
    for key, text in mapping(document.body, "data").items():
        if key not in KSERVE_KEYS:
            yield Finding(document, ("data", key), f"unknown key ({KSERVE})")
            continue
        try:
            json.loads(text)
        except ValueError as error:
            yield Finding(document, ("data", key), f"must be JSON: {error} ({KSERVE})")


def _scale_to_zero(target: Target, document: Document) -> Iterator[Finding]:
    path = (*PREDICTOR, "minReplicas")
    # On as installed.
    enabled = target.settings.get("config-autoscaler", {}).get("enable-scale-to-zero", "true")
    if at(document.body, *path) == 0 and enabled != "true":
        rule = "needs enable-scale-to-zero true in cluster/config-autoscaler"
        yield Finding(document, path, f"{rule}, {enabled} ({KNATIVE})")
