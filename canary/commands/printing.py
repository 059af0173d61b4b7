"""Where commands print: results on stdout, all else on stderr."""

import sys

import orjson
from rich.console import Console


def console() -> Console:
    """Return stdout; square brackets in texts are texts."""
    return Console(highlight=False, markup=False, emoji=False)


def print_json(value: object) -> None:
    """Print one JSON document on a line of stdout."""
    sys.stdout.write(f"{orjson.dumps(value).decode()}\n")
    sys.stdout.flush()


def say(message: str) -> None:
    """Tell the user, each line with the program's name."""
    for line in message.splitlines():
        sys.stderr.write(f"r1-canary: {line}\n")
