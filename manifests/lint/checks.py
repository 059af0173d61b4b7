"""All rules in their order, over one target or over all."""

import os
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

from manifests.lint import (
    annotations,
    canary,
    contents,
    hosts,
    images,
    knative,
    kserve,
    literals,
    loadtest,
    mesh,
    namespaces,
    patches,
    pods,
    program,
    raw,
    references,
    resources,
    rights,
    rollout,
    routes,
    scaling,
    schema,
    selectors,
    settings,
)
from manifests.lint.faults import Fault, Finding
from manifests.lint.locate import locate
from manifests.lint.render import (
    KUSTOMIZATION,
    Document,
    Recipe,
    RenderFailed,
    recipes,
    render,
)
from manifests.lint.target import Target


@dataclass(frozen=True, slots=True)
class Result:
    """What a run found; ``unchecked`` are the apiVersions and kinds that had no schema."""

    faults: tuple[Fault, ...]
    num_objects: int
    num_targets: int
    unchecked: tuple[tuple[str, str], ...]


def run(root: Path, names: Collection[str], crd_dir: Path | None) -> Result:
    """Check files and targets; no names are all targets."""
    targets, unrendered = render_targets(root, names)
    folders = tuple(f"{name}/" for name in names)
    faults = {
        fault
        for fault in (*raw.check(root), *rollout.check(root), *patches.check(root, recipes(root)))
        if not folders or fault.file.startswith(folders)
    }
    # Of one unreadable file most targets are made: its own line says it all.
    if not any(map(raw.is_unreadable, faults)):
        faults |= unrendered
    for target in targets:
        faults |= set(faults_of(target, root, crd_dir))
    return Result(
        faults=_once(faults),
        num_objects=sum(len(target.documents) for target in targets),
        num_targets=len(targets),
        unchecked=tuple(sorted(set(_unchecked(targets, crd_dir)))),
    )


def _once(faults: set[Fault]) -> tuple[Fault, ...]:
    """Return the faults in order, one for each edit: a file may become several objects."""
    found: dict[tuple[object, ...], Fault] = {}
    for fault in sorted(faults):
        found.setdefault((fault.file, fault.line, fault.field, fault.value, fault.rule), fault)
    return tuple(found.values())


def render_targets(root: Path, names: Collection[str] = ()) -> tuple[list[Target], set[Fault]]:
    """Return the targets that render, and a fault for each that does not; no names are all."""
    every = recipes(root)
    wanted = [recipe for recipe in every if not names or recipe.name in names]
    once = cache(partial(_render, root))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        rendered = list(pool.map(once, wanted))
    cluster = [each for recipe in every if recipe.name == "cluster" for each in _all(once(recipe))]
    targets = [
        Target(
            recipe,
            documents,
            cluster=tuple(cluster),
            tree=lambda: [each for recipe in every for each in _all(once(recipe))],
        )
        for recipe, documents in zip(wanted, rendered, strict=True)
        if isinstance(documents, tuple)
    ]
    return targets, {fault for fault in rendered if isinstance(fault, Fault)}


def _all(rendered: tuple[Document, ...] | Fault) -> tuple[Document, ...]:
    return rendered if isinstance(rendered, tuple) else ()


def _render(root: Path, recipe: Recipe) -> tuple[Document, ...] | Fault:
    try:
        return tuple(render(recipe.resources, recipe.components, root=root))
    except RenderFailed as error:
        # kubectl puts its own log's prefix before kustomize's words.
        message = " ".join(str(error).split("err=", 1)[-1].split())
        file = f"{(recipe.components or recipe.resources)[-1]}/{KUSTOMIZATION}"
        return Fault(file, 1, "file", "target", recipe.name, f"must render: {message} (kustomize)")


def faults_of(target: Target, root: Path, crd_dir: Path | None) -> Iterator[Fault]:
    """Yield a target's faults, for each field the first that was found."""
    seen = set()
    for finding in findings(target, crd_dir):
        document = finding.document
        field = (document.kind, document.namespace, document.name, finding.path)
        if field not in seen:
            seen.add(field)
            yield locate(finding, target.recipe, root)


def findings(target: Target, crd_dir: Path | None) -> Iterator[Finding]:
    """Yield what breaks a rule: of shapes and modes alone while those are wrong."""
    for stage in (partial(schema.check, crd_dir=crd_dir), kserve.identity):
        misshapen = [finding for document in target.documents for finding in stage(document)]
        yield from misshapen
        if misshapen:
            return
    for document in target.documents:
        yield from kserve.check(document)
        yield from annotations.check(document, target.settings)
    for pod in target.pods():
        if pod.is_knative:
            yield from knative.check(pod, target.settings)
        yield from pods.security(pod)
    for check in CHECKS:
        yield from check.check(target)


CHECKS: Final = (
    *(images, references, selectors, mesh, hosts, program, loadtest, canary, contents),
    *(settings, namespaces, resources, scaling, rights, routes, literals),
)


def _unchecked(targets: list[Target], crd_dir: Path | None) -> Iterator[tuple[str, str]]:
    for target in targets:
        for document in target.documents:
            if schema.schema_of(document, crd_dir) is None:
                yield document.api_version, document.kind
