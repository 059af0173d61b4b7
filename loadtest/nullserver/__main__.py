"""``python -m loadtest.nullserver``."""

import typer

from loadtest.nullserver.command import null_server

if __name__ == "__main__":
    typer.run(null_server)
