"""The numbers, ports and paths of predictor containers against the program itself."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from manifests.lint.command_line import PREDICTOR, CommandLine, read
from manifests.lint.faults import Finding, Path, at, items, mapping
from manifests.lint.pods import Pod
from manifests.lint.target import Target
from predictor.config import Limits
from predictor.protocol.openapi.document import openapi_document

OURS: Final = "ours"
MODELS: Final = "/mnt/models"
DEFAULTS: Final = "r1-defaults"
# queue-proxy holds SIGTERM until this long after the last request (Knative).
DRAIN_S: Final = 30
MARGIN_S: Final = 10
# Knative's name of a port for HTTP/2, and KServe's.
GRPC_NAMES: Final = ("h2c", "grpc")
PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")


def check(target: Target) -> Iterator[Finding]:
    """Yield where a target and the program disagree."""
    for pod in target.pods():
        for path, container in pod.containers():
            if _is_predictor(container):
                yield from _container(pod, path, container)


def _is_predictor(container: dict[str, Any]) -> bool:
    image = str(container.get("image", "")).partition("@")[0]
    name = re.sub(r":[^/]*$", "", image).rpartition("/")[2]
    return name in (PREDICTOR, "predictor") and not container.get("command")


def _container(pod: Pod, path: Path, container: dict[str, Any]) -> Iterator[Finding]:
    line = read(pod.document, path, container)
    if line.findings:
        yield from line.findings
        return
    yield from _address(pod, path, container, line)
    yield from _probes(pod, path, container, line)
    yield from _model(pod, path, container, line)
    yield from _defaults_mount(pod, path, container, line)
    yield from _batch(pod, path, line)
    yield from _times(pod, path, container, line)


def _flag(line: CommandLine, path: Path, name: str) -> Path:
    """Return where a flag is set, the args as a whole where it is not."""
    return line.places.get(name, (*path, "args"))


def _fault(pod: Pod, line: CommandLine, path: Path, name: str, rule: str) -> Finding:
    flag = name.replace("_", "-")
    value = f"--{flag}={line.values[name]}"
    return Finding(pod.document, _flag(line, path, name), f"{rule} ({OURS})", value)


def _address(
    pod: Pod, path: Path, container: dict[str, Any], line: CommandLine
) -> Iterator[Finding]:
    # "::" takes both families.
    if line.values["host"] not in ("0.0.0.0", "::"):  # noqa: S104
        yield _fault(pod, line, path, "host", "must be 0.0.0.0 in a pod")
    for index, port in enumerate(items(container, "ports")):
        is_grpc = port.get("name") in GRPC_NAMES
        wanted = line.values["grpc_port" if is_grpc else "http_port"]
        if port.get("containerPort") != wanted:
            place = (*path, "ports", index, "containerPort")
            flag = "--grpc-port" if is_grpc else "--http-port"
            yield Finding(pod.document, place, f"must be {flag}, {wanted} ({OURS})")


def _probes(
    pod: Pod, path: Path, container: dict[str, Any], line: CommandLine
) -> Iterator[Finding]:
    for name in PROBES:
        place: Path = (*path, name)
        probe = mapping(container, name)
        if not probe:
            yield Finding(pod.document, place, f"must be there ({OURS})")
        for kind, flag in (("httpGet", "http_port"), ("grpc", "grpc_port")):
            port = at(probe, kind, "port")
            named = {
                each.get("name"): each.get("containerPort") for each in items(container, "ports")
            }
            if port is not None and named.get(port, port) != line.values[flag]:
                rule = f"must be --{flag.replace('_', '-')}, {line.values[flag]} ({OURS})"
                yield Finding(pod.document, (*place, kind, "port"), rule)
        route = at(probe, "httpGet", "path")
        if route is not None:
            yield from _probe_path(pod, (*place, "httpGet", "path"), name, route, line)
    yield from _liveness_port(pod, path, container, line)


def _probe_path(
    pod: Pod, place: Path, probe: str, route: str, line: CommandLine
) -> Iterator[Finding]:
    model = line.values["model_name"]
    ready = f"/v2/models/{model}/ready"
    # The server's own /ready says nothing of the model, and liveness must not wait for one.
    wanted = "/v2/health/live" if probe == "livenessProbe" else ready
    if route != wanted or route not in _routes(model):
        yield Finding(pod.document, place, f"must be {wanted} ({OURS})")


@cache
def _routes(model: str) -> frozenset[str]:
    """Return what the server answers, from the document that it serves."""
    paths = openapi_document(model, "1", "", Limits())["paths"]
    assert isinstance(paths, dict)
    return frozenset(str(path).replace("{name}", model) for path in paths)


def _liveness_port(
    pod: Pod, path: Path, container: dict[str, Any], line: CommandLine
) -> Iterator[Finding]:
    place = (*path, "livenessProbe", "httpGet", "port")
    port, only = at(container, "livenessProbe", "httpGet", "port"), at(container, "ports", 0)
    # Any other port of the container's own is a fault already.
    if pod.is_knative and port == line.values["http_port"] and at(only, "name") in GRPC_NAMES:
        moved = at(only, "containerPort")
        rule = f"would be moved to {moved}, the container's one port (Knative)"
        yield Finding(pod.document, place, rule)


def _model(pod: Pod, path: Path, container: dict[str, Any], line: CommandLine) -> Iterator[Finding]:
    has_uri = any(entry.get("name") == "STORAGE_URI" for entry in items(container, "env"))
    has_uri = has_uri or bool(pod.spec.get("storageUris"))
    found = line.values["model_dir"]
    if has_uri and not found.startswith(MODELS):
        yield _fault(pod, line, path, "model_dir", f"must be {MODELS}, where KServe mounts it")
    if not has_uri and found.startswith(MODELS) and MODELS not in _mounted(container):
        yield _fault(pod, line, path, "model_dir", "needs STORAGE_URI, or must be demo")


def _mounted(container: dict[str, Any]) -> list[str]:
    return [str(mount.get("mountPath")) for mount in items(container, "volumeMounts")]


def _defaults_mount(
    pod: Pod, path: Path, container: dict[str, Any], line: CommandLine
) -> Iterator[Finding]:
    directory = line.values["defaults_dir"]
    named = {
        volume.get("name"): at(volume, "configMap", "name") for volume in items(pod.spec, "volumes")
    }
    if directory is not None and directory not in _mounted(container):
        yield _fault(pod, line, path, "defaults_dir", "must be where a ConfigMap is mounted")
    for index, mount in enumerate(items(container, "volumeMounts")):
        if mount.get("mountPath") == directory and "subPath" in mount:
            rule = f"must not be there: such a mount never changes ({OURS})"
            yield Finding(pod.document, (*path, "volumeMounts", index, "subPath"), rule)
        if directory is None and named.get(mount.get("name")) == DEFAULTS:
            rule = f"needs --defaults-dir={mount.get('mountPath')}: nobody reads it ({OURS})"
            yield Finding(pod.document, (*path, "volumeMounts", index, "mountPath"), rule)


def _batch(pod: Pod, path: Path, line: CommandLine) -> Iterator[Finding]:
    wanted = line.values["max_num_seqs"]
    for field in ("containerConcurrency", "scaleTarget"):
        found = pod.spec.get(field)
        is_counted = field == "containerConcurrency" or pod.is_knative
        if (pod.is_knative and found is None) or (is_counted and found not in (None, wanted)):
            rule = f"must be --max-num-seqs, {wanted} ({OURS})"
            yield Finding(pod.document, (*pod.path, field), rule)


def _times(pod: Pod, path: Path, container: dict[str, Any], line: CommandLine) -> Iterator[Finding]:
    request_s, grace_s = line.values["request_timeout_s"], line.values["grace_period_s"]
    if grace_s < request_s - DRAIN_S:
        least = f"must be at least --request-timeout-s less {DRAIN_S}, {request_s - DRAIN_S:g}"
        yield _fault(pod, line, path, "grace_period_s", least)
    if pod.is_knative:
        # The pod's grace too: Knative takes it from there.
        field, waits_s = "timeout", DRAIN_S
        least_s = DRAIN_S + max(request_s + MARGIN_S, grace_s)
    else:
        field = "terminationGracePeriodSeconds"
        waits_s = at(container, "lifecycle", "preStop", "sleep", "seconds") or 0
        least_s = waits_s + grace_s + MARGIN_S
    found = pod.spec.get(field)
    if not isinstance(found, int | float) or found < least_s:
        rule = f"must be at least {least_s:g}: {waits_s} until SIGTERM, then the requests ({OURS})"
        yield Finding(pod.document, (*pod.path, field), rule)
    yield from _startup(pod, path, container)


def _startup(pod: Pod, path: Path, container: dict[str, Any]) -> Iterator[Finding]:
    name = "serving.knative.dev/progress-deadline"
    deadline = at(pod.spec, "annotations", name)
    probe = mapping(container, "startupProbe")
    if not pod.is_knative or not probe:
        return
    budget_s = probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
    found = re.fullmatch(r"(\d+)s", deadline or "600s")
    if found and budget_s > int(found[1]):
        rule = f"lasts {budget_s} s, must end before {name}, {deadline or '600s'} (Knative)"
        yield Finding(pod.document, (*path, "startupProbe", "failureThreshold"), rule)
