"""The load tester's Jobs: settings as the program reads them, and what a pod must give it."""

import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import typer
from typer.exceptions import TyperException

from loadtest.__main__ import app
from loadtest.combinations import check_combinations
from loadtest.config import RunConfig
from loadtest.errors import UsageError
from loadtest.workload import make_config
from manifests.lint.canary import runs_canary
from manifests.lint.faults import Finding, at, items
from manifests.lint.faults import Path as FieldPath
from manifests.lint.mesh import NAMES
from manifests.lint.pods import Pod
from manifests.lint.target import Target, mounted_file

PROGRAM: Final = "r1-loadtest"
OURS: Final = "ours"
IMAGES: Final = ("r1-tools", "tools")
# run.sh prints the report from where it had it written.
WRITTEN: Final = ("output",)
FILES: Final = (
    *("bearer_token_file", "ca_file", "client_cert", "client_key"),
    *("trace_file", "prompt_file", "tokenizer"),
)
# Seconds for the image, a model at zero, and the analysis.
AROUND_S: Final = 300


def check(target: Target) -> Iterator[Finding]:
    """Yield where a Job and the load tester disagree."""
    for pod in target.pods():
        for path, container in pod.containers():
            if _is_tools(container) and not runs_canary(container):
                yield from _container(target, pod, path, container)


def _is_tools(container: dict[str, Any]) -> bool:
    image = str(container.get("image", "")).partition("@")[0]
    return image.rpartition("/")[2].partition(":")[0] in IMAGES


def _container(
    target: Target, pod: Pod, path: FieldPath, container: dict[str, Any]
) -> Iterator[Finding]:
    arguments = [str(argument) for argument in container.get("args") or ()]
    place = (*path, "args")
    try:
        flags = _flags(arguments)
    except TyperException as error:
        rule = f"{error.format_message().rstrip('.')} ({PROGRAM})"
        yield Finding(pod.document, place, rule)
        return
    path_given = flags.pop("workload", None)
    found = mounted_file(target, pod, container, path_given) if path_given else None
    if found is None:
        rule = f"the first must be a file of a ConfigMap that is mounted ({OURS})"
        yield Finding(pod.document, place, rule)
        return
    document, key = found
    try:
        config = _config(str(at(document.body, "data", key)), flags)
    except UsageError as error:
        yield Finding(document, ("data", key), f"{error} ({PROGRAM})", key)
        return
    for name, rule in _settings(target, container, config):
        value = f"{name}: {getattr(config, name)}"
        where = (pod.document, place) if name in flags else (document, ("data", key))
        yield Finding(*where, f"{rule} ({OURS})", value)
    yield from _room(pod, path, container, config)


def _flags(arguments: list[str]) -> dict[str, Any]:
    """Return what a command line gives, as the program's own parser reads it."""
    parsed = _command().make_context(PROGRAM, arguments, auto_envvar_prefix=None).params
    return {name: value for name, value in parsed.items() if value not in (None, ())}


@cache
def _command() -> Any:
    commands: Any = typer.main.get_command(app)
    return commands.commands["run"]


def _config(text: str, flags: Mapping[str, Any]) -> RunConfig:
    """Read a workload as the program does; raises UsageError without the file's own name."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        try:
            config = make_config(Path(file.name), flags)
        except UsageError as error:
            raise UsageError(str(error).replace(f"{file.name}:", "line ", 1)) from None
    check_combinations(config)
    return config


def _settings(
    target: Target, container: dict[str, Any], config: RunConfig
) -> Iterator[tuple[str, str]]:
    """Yield each setting that the pod cannot follow, and what is allowed."""
    for name in WRITTEN:
        if name in config.model_fields_set:
            yield name, "must not be there: it is run.sh's"
    mounts = [str(mount.get("mountPath")) for mount in items(container, "volumeMounts")]
    for name in FILES:
        value = getattr(config, name)
        if value is not None and not _is_in(value, mounts):
            yield name, f"must be in a volume: {', '.join(mounts)}"
    hosts = _hosts(target)
    if urlsplit(config.target).hostname not in hosts:
        yield "target", f"must be of a host of r1: {', '.join(hosts)}"


def _is_in(path: Path, mounts: list[str]) -> bool:
    return any(path.is_relative_to(mount) for mount in mounts)


def _hosts(target: Target) -> list[str]:
    """Return the Services of every InferenceService in the tree, by their whole names."""
    services = {
        f"{name.format(each.name)}.{each.namespace}.svc.cluster.local"
        for each in target.tree()
        if each.kind == "InferenceService"
        for name in NAMES
    }
    return sorted(services)


def _room(
    pod: Pod, path: FieldPath, container: dict[str, Any], config: RunConfig
) -> Iterator[Finding]:
    place: FieldPath = ("spec", "activeDeadlineSeconds")
    least_s = config.duration_s + config.drain_s + AROUND_S
    deadline_s = at(pod.document.body, *place)
    if not isinstance(deadline_s, int) or deadline_s < least_s:
        rule = f"must be at least duration_s and drain_s, and {AROUND_S}: {least_s:g} ({OURS})"
        yield Finding(pod.document, place, rule)
    place = (*pod.path, "terminationGracePeriodSeconds")
    if (at(pod.document.body, *place) or 30) <= config.drain_s:
        yield Finding(pod.document, place, f"must be above drain_s, {config.drain_s:g} ({OURS})")
    place = (*path, "resources", "requests", "cpu")
    asked, limit = (at(container, "resources", side, "cpu") for side in ("requests", "limits"))
    # A sender to each worker, and one for the rest.
    if asked != limit or not str(asked).isdigit() or int(asked) <= config.workers:
        rule = f"must be whole, the limit too, and above workers, {config.workers} ({OURS})"
        yield Finding(pod.document, place, rule)
