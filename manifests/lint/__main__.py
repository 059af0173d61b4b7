"""python -m manifests.lint: one line for each fault of the manifests, sorted by place.

Exits with 0 where there is none, 1 where there are some, 64 where it was called wrongly.
"""

import dataclasses
import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from typer.exceptions import TyperException

from manifests.lint.checks import Result, run
from manifests.lint.render import MANIFESTS, recipes

EX_USAGE: Final = 64
BESIDE: Final = MANIFESTS.parents[1] / "shared" / "crds"
HOW_TO_GET: Final = (
    "To check them too, give --crd-dir (or TEST_CRD_DIR) a folder with their CRDs: "
    "`kubectl get crd -o yaml > crds/all.yaml` from a cluster that has KServe, or the CRD files "
    "of the releases (KServe 0.20, Knative Serving 1.21, Istio 1.27, prometheus-operator, KEDA)."
)


class Output(StrEnum):
    """How the result is printed."""

    TEXT = "text"
    JSON = "json"


Targets = Annotated[
    list[str] | None, typer.Argument(help="Such as base or overlays/production; none: all.")
]
CrdDir = Annotated[
    Path | None,
    typer.Option(
        help="YAML files of CRDs; unset: TEST_CRD_DIR, or ../shared/crds beside the checkout.",
        envvar="TEST_CRD_DIR",
        exists=True,
        file_okay=False,
    ),
]
Root = Annotated[Path, typer.Option(help="The manifests.", exists=True, file_okay=False)]
OutputOption = Annotated[Output, typer.Option(help="One line a fault, or one JSON object.")]


def lint(
    targets: Targets = None,
    crd_dir: CrdDir = None,
    root: Root = MANIFESTS,
    output: OutputOption = Output.TEXT,
) -> None:
    """Render the manifests and check every object; exits with 1 where one has a fault."""
    known = [recipe.name for recipe in recipes(root)]
    names = [name.removeprefix("manifests/").rstrip("/") for name in targets or ()]
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name} is no target, there are: {', '.join(known)}")
    folder = crd_dir or (BESIDE if BESIDE.is_dir() else None)
    result = run(root, names, folder)
    if output is Output.JSON:
        typer.echo(json.dumps(dataclasses.asdict(result), indent=2))
    else:
        _print_text(result)
    if result.faults:
        sys.exit(1)


def _print_text(result: Result) -> None:
    for fault in result.faults:
        typer.echo(fault)
    objects = f"{result.num_objects} objects in {result.num_targets} targets"
    typer.echo(f"{objects}, {len(result.faults) or 'no'} faults")
    if result.unchecked:
        kinds = ", ".join(f"{kind} ({version})" for version, kind in result.unchecked)
        typer.echo(f"NOT held to a schema, so a misspelt field passes: {kinds}.", err=True)
        typer.echo(HOW_TO_GET, err=True)


cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
cli.command()(lint)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a wrong call ends with sysexits' EX_USAGE."""
    try:
        cli(arguments, standalone_mode=False)
    except TyperException as error:
        typer.echo(f"manifests.lint: {error.format_message()}", err=True)
        sys.exit(EX_USAGE)


if __name__ == "__main__":
    main()
