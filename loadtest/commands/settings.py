"""Settings of a workload file that a command makes itself."""

from collections.abc import Collection
from pathlib import Path

from loadtest.errors import UsageError
from loadtest.workload import read_workload


def refuse_settings(workload: Path | None, names: Collection[str], whose: str) -> None:
    """Raise UsageError at the first of the names that the file sets: it would have no effect."""
    _, lines = read_workload(workload) if workload else ({}, {})
    for name in names:
        if name in lines:
            raise UsageError(
                f"{workload}:{lines[name]}: {name} is not {whose} to take from a file, must be "
                "left out; see the command's own flags"
            )
