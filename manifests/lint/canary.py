"""The rollout tool's Job: its rollout file and manifest as the program reads them."""

import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import typer
from typer.exceptions import TyperException

from canary.__main__ import app
from canary.errors import InputError
from canary.gate.target import file_in, parse_header
from canary.plan import RolloutPlan
from canary.rollout_file import read_manifest, read_rollout_file
from manifests.lint.faults import Finding, at, items, mapping
from manifests.lint.faults import Path as FieldPath
from manifests.lint.pods import Pod
from manifests.lint.render import Document
from manifests.lint.target import Target, mounted_file
from manifests.lint.values import listed

PROGRAM: Final = "r1-canary"
OURS: Final = "ours"
# Of a Job, and of its pod.
DEADLINES: Final[tuple[FieldPath, ...]] = (
    ("spec", "activeDeadlineSeconds"),
    ("spec", "template", "spec", "activeDeadlineSeconds"),
)


def runs_canary(container: dict[str, Any]) -> bool:
    """Whether a container of the tools' image runs the rollout tool."""
    return any(PROGRAM in str(word) for word in container.get("command") or ())


def check(target: Target) -> Iterator[Finding]:
    """Yield where a pod and the rollout tool disagree."""
    for pod in target.pods():
        for path, container in pod.containers():
            if runs_canary(container):
                yield from _container(target, pod, (*path, "args"), container)


def _container(
    target: Target, pod: Pod, place: FieldPath, container: dict[str, Any]
) -> Iterator[Finding]:
    words = (str(word) for field in ("command", "args") for word in container.get(field) or ())
    program, *given = words
    if program != PROGRAM or not given or given[0] not in _commands():
        rule = f"must be {PROGRAM} and one of {listed(sorted(_commands()))} ({OURS})"
        yield Finding(pod.document, (*place[:-1], "command"), rule)
        return
    try:
        parsed = _parse(*given)
    except TyperException as error:
        yield Finding(pod.document, place, f"{error.format_message().rstrip('.')} ({PROGRAM})")
        return
    yield from _headers(pod, place, container, parsed.get("header") or ())
    if "file" in parsed:
        found = mounted_file(target, pod, container, parsed["file"])
        if found is None:
            rule = f"the first must be a file of a ConfigMap that is mounted ({OURS})"
            yield Finding(pod.document, place, rule)
        else:
            yield from _rollout(target, pod, *found)


def _parse(name: str, *given: str) -> dict[str, Any]:
    """Return what the program's own parser reads; raises TyperException."""
    context = _commands()[name].make_context(PROGRAM, list(given), auto_envvar_prefix=None)
    parameters: dict[str, Any] = context.params
    return parameters


@cache
def _commands() -> dict[str, Any]:
    commands: Any = typer.main.get_command(app)
    return dict(commands.commands)


def _headers(
    pod: Pod, place: FieldPath, container: dict[str, Any], headers: Sequence[str]
) -> Iterator[Finding]:
    mounts = [str(mount.get("mountPath")) for mount in items(container, "volumeMounts")]
    for header in headers:
        try:
            name, value = parse_header(header)
        except InputError as error:
            yield Finding(pod.document, place, f"{error} ({PROGRAM})")
            continue
        file = file_in(value)
        if file is None and name.lower() == "authorization":
            rule = f"must end in @ and a file: the process list shows it ({OURS})"
            yield Finding(pod.document, place, rule, f"--header={name}")
        elif file is not None and not any(file.is_relative_to(mount) for mount in mounts):
            rule = f"must be in a volume: {', '.join(mounts)} ({OURS})"
            yield Finding(pod.document, place, rule, f"--header={header}")


def _rollout(target: Target, pod: Pod, document: Document, key: str) -> Iterator[Finding]:
    try:
        plan = _read(mapping(document.body, "data"), key)
    except InputError as error:
        yield Finding(document, ("data", key), f"{error} ({PROGRAM})", key)
        return
    if not _has_service(target, plan):
        rule = f"must be an InferenceService of this tree ({OURS})"
        value = f"service: {plan.namespace}/{plan.service}"
        yield Finding(document, ("data", key), rule, value)
    for place in DEADLINES:
        if at(pod.document.body, *place) is not None:
            rule = f"must be left out: a person may hold a rollout, limits.total ends it ({OURS})"
            yield Finding(pod.document, place, rule)


def _read(files: dict[str, Any], key: str) -> RolloutPlan:
    """Read the files where they lie together; errors name them without their folder."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            Path(folder, name).write_text(str(text))
        try:
            plan = read_rollout_file(Path(folder, key))
            read_manifest(Path(folder, plan.manifest), plan.service, plan.namespace)
        except InputError as error:
            raise InputError(str(error).replace(f"{folder}/", "")) from None
    return plan


def _has_service(target: Target, plan: RolloutPlan) -> bool:
    return any(
        (each.kind, each.namespace, each.name) == ("InferenceService", plan.namespace, plan.service)
        for each in target.tree()
    )
