"""What ConfigMaps and queries hold, read as their readers do."""

import json
import re
from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any, Final, cast

from prometheus_client import CollectorRegistry

from manifests.lint.faults import Finding, Path, at, items, mapping, select
from manifests.lint.pods import Pod
from manifests.lint.target import Target
from predictor.defaults import parse_operator_defaults
from predictor.defaults_dir import MAX_BYTES, Snapshot
from predictor.engine.client import EngineClient
from predictor.engine.messages import EngineStats
from predictor.errors import SettingRefused
from predictor.metrics import EngineCollector, Metrics

OURS: Final = "ours"
DEFAULTS_FLAG: Final = "--defaults-dir="
# What others export; the rest of a query's names are the predictor's.
FOREIGN: Final = re.compile(
    r"(DCGM|kn|istio|kube|container|node|envoy|pilot|process|python|http_server|activator"
    r"|autoscaler|keda|prometheus|scrape|revision|queue)_\w+|up|target_info|ALERTS\w*"
)
WORDS: Final = (
    *("and", "or", "unless", "bool", "offset", "inf", "nan", "start", "end"),
    *("by", "without", "on", "ignoring", "group_left", "group_right"),
)
QUERIES: Final[dict[str, tuple[Path, ...]]] = {
    "PrometheusRule": (("spec", "groups", "*", "rules", "*", "expr"),),
    "ScaledObject": (("spec", "triggers", "*", "metadata", "query"),),
    "InferenceService": (
        ("spec", "predictor", "autoScaling", "metrics", "*", "external", "metric", "query"),
    ),
}
SUFFIXES: Final = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "gauge": ("",),
}


def check(target: Target) -> Iterator[Finding]:
    """Yield files that the predictor would refuse, and metrics that it does not have."""
    yield from _defaults(target)
    recorded = {
        str(at(document.body, *path))
        for document in target.documents
        for path, _ in select(document.body, ("spec", "groups", "*", "rules", "*", "record"))
    }
    for document in target.documents:
        for pattern in QUERIES.get(document.kind, ()):
            for path, query in select(document.body, pattern):
                for name in _unknown(str(query), recorded):
                    rule = f"{name} is no metric of the predictor ({OURS})"
                    yield Finding(document, path, rule)
        if document.kind == "ConfigMap":
            for key, text in mapping(document.body, "data").items():
                for name in _unknown_in_dashboard(key, text, recorded):
                    rule = f"{name} is no metric of the predictor ({OURS})"
                    yield Finding(document, ("data", key), rule, name)


def _unknown_in_dashboard(key: str, text: str, recorded: set[str]) -> Iterator[str]:
    if key.endswith(".json") and '"expr"' in text:
        for query in sorted(set(_expressions(json.loads(text)))):
            yield from _unknown(query, recorded)


def _expressions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("expr"), str):
            yield value["expr"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _expressions(each)


def _unknown(query: str, recorded: set[str]) -> list[str]:
    """Return the metrics of a PromQL query that nobody is known to export."""
    # Strings, labels, ranges and lists of labels hold no metric.
    bare = re.sub(r'"[^"]*"|\'[^\']*\'', "", query)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    names = re.findall(r"(?<![\w:.$])[a-zA-Z_:][\w:]*\b(?!\s*\()", bare)
    known = metric_names() | recorded
    return sorted(
        {name for name in names if name not in known and name.lower() not in WORDS}
        - {name for name in names if FOREIGN.fullmatch(name)}
    )


@cache
def metric_names() -> frozenset[str]:
    """Return every name that a scrape of the predictor may bring."""
    registry = CollectorRegistry()
    Metrics(registry)
    idle = SimpleNamespace(stats=EngineStats(), ready=None, num_restarts=0)
    families = [*registry.collect(), *EngineCollector(cast(EngineClient, idle)).collect()]
    return frozenset(
        family.name + suffix for family in families for suffix in SUFFIXES.get(family.type, ("",))
    )


def _defaults(target: Target) -> Iterator[Finding]:
    for pod in target.pods():
        for _, container in pod.containers():
            for argument in container.get("args") or ():
                if str(argument).startswith(DEFAULTS_FLAG):
                    directory = argument.removeprefix(DEFAULTS_FLAG)
                    yield from _config_map(target, pod, container, directory)


def _config_map(
    target: Target, pod: Pod, container: dict[str, Any], directory: str
) -> Iterator[Finding]:
    mounts = items(container, "volumeMounts")
    mounted = {mount["name"] for mount in mounts if mount.get("mountPath") == directory}
    for volume in items(pod.spec, "volumes"):
        name = at(volume, "configMap", "name")
        if volume.get("name") not in mounted or name is None:
            continue
        for document in target.named("ConfigMap", pod.document.namespace, name):
            for key, text in mapping(document.body, "data").items():
                refusal = _refusal(key, str(text))
                if refusal:
                    yield Finding(document, ("data", key), f"{refusal} (r1-predictor)")


def _refusal(key: str, text: str) -> str | None:
    if key not in MAX_BYTES:
        return f"must be one of {', '.join(MAX_BYTES)}"
    content = text.encode()
    if len(content) > MAX_BYTES[key]:
        return f"has {len(content)} bytes, must have at most {MAX_BYTES[key]}"
    try:
        parse_operator_defaults(Snapshot("", {key: content}))
    except SettingRefused as error:
        return str(error).removeprefix(f"/{key}: ")
    return None
