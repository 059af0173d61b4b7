"""The null server's flags, for ``python -m loadtest.nullserver`` and r1-loadtest null-server."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from loadtest.errors import UsageError
from loadtest.nullserver.profile import Durations, Profile, parse_duration_s
from loadtest.nullserver.server import NullServerConfig, serve


def null_server(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="HTTP's; 0 is a free one.")] = 0,
    grpc_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="gRPC's, if it is to be spoken.")
    ] = None,
    model: Annotated[str, typer.Option(help="The model's name.")] = "r1",
    golden: Annotated[
        Path | None, typer.Option(help="Written on exit: when requests came and chunks went.")
    ] = None,
    service: Annotated[
        str, typer.Option(help="Of a unary request: 5ms, exponential:5ms, lognormal:5ms:0.5.")
    ] = "0s",
    ttft: Annotated[str, typer.Option(help="To a stream's first chunk, likewise.")] = "0s",
    gap: Annotated[str, typer.Option(help="Between chunks, likewise; 0s: one write.")] = "0s",
    chunks: Annotated[int, typer.Option(min=1, help="Of each stream.")] = 16,
    tokens_per_chunk: Annotated[int, typer.Option(min=1, help="In each chunk.")] = 1,
    servers: Annotated[
        int, typer.Option(min=0, help="Requests served at once; the others wait. 0: any number.")
    ] = 0,
    stall_at: Annotated[str, typer.Option(help="After the first request all stands still.")] = "0s",
    stall: Annotated[str, typer.Option(help="For so long.")] = "0s",
    error_every: Annotated[int, typer.Option(min=0, help="Every n-th request fails.")] = 0,
    truncate_every: Annotated[int, typer.Option(min=0, help="Every n-th stream is cut.")] = 0,
    reset_every: Annotated[int, typer.Option(min=0, help="Every n-th request is reset.")] = 0,
    refuse_above: Annotated[float, typer.Option(min=0, help="Requests a second; 0: none.")] = 0.0,
) -> None:
    """Serve a null model on 127.0.0.1 until a signal."""
    try:
        profile = Profile(
            service=Durations.parse(service),
            ttft=Durations.parse(ttft),
            gap=Durations.parse(gap),
            num_chunks=chunks,
            tokens_per_chunk=tokens_per_chunk,
            num_servers=servers,
            stall_at_s=parse_duration_s(stall_at),
            stall_s=parse_duration_s(stall),
            error_every=error_every,
            truncate_every=truncate_every,
            reset_every=reset_every,
            refuse_above=refuse_above,
        )
        serve(NullServerConfig(profile, model, port, grpc_port, golden), _announce)
    except UsageError as error:
        typer.echo(f"null-server: {error}", err=True)
        sys.exit(error.exit_code)


def _announce(http: str, grpc: str | None) -> None:
    typer.echo(f"listening on {http}")
    if grpc is not None:
        typer.echo(f"gRPC on {grpc}")
    sys.stdout.flush()
