"""Arguments that several commands take."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from canary.errors import InputError


class Output(StrEnum):
    """What is printed on stdout."""

    TEXT = "text"
    JSON = "json"


RolloutFile = Annotated[Path, typer.Argument(help="YAML; `r1-canary schema` tells its settings.")]
ServiceName = Annotated[str, typer.Argument(help="The InferenceService, as NAMESPACE/NAME.")]
Kubeconfig = Annotated[
    Path | None, typer.Option(help="Default: the user's own, or the pod's ServiceAccount.")
]
Context = Annotated[str | None, typer.Option(help="A context of the kubeconfig.")]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="What is printed on stdout.")]
GatewayUrl = Annotated[
    str | None,
    typer.Option(help="From outside the mesh: where the tag hosts are asked, such as https://gw."),
]
Domain = Annotated[
    str | None,
    typer.Option(help="With --gateway-url: what follows the namespace in the tag hosts."),
]
Header = Annotated[
    list[str] | None,
    typer.Option(
        help="'Name: value' of each request to the tag hosts; a last word @/a/file is the line in "
        "that file, read at each request; may be repeated."
    ),
]
Ca = Annotated[Path | None, typer.Option(help="CA certificates of --gateway-url, in PEM.")]


def split_name(service: str) -> tuple[str, str]:
    """Return namespace and name; raises InputError."""
    namespace, slash, name = service.partition("/")
    if not slash or not namespace or not name or "/" in name:
        raise InputError(f"service is {service!r}, must be NAMESPACE/NAME such as r1/r1")
    return namespace, name
