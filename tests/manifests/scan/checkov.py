"""checkov on a folder of objects: what it found, and what it looked at."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCANNERS = Path(__file__).parents[3] / ".venv-scan/bin"


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that an object breaks; ``target`` is the folder it lies in."""

    target: str
    check: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Scan:
    """``scanned`` are pairs of a target and a kind that some rule was applied to."""

    findings: frozenset[Finding]
    scanned: frozenset[tuple[str, str]]
    num_parsing_errors: int


def find_checkov() -> str:
    """Return the program; skips the test where it is not installed."""
    checkov = shutil.which("checkov", path=SCANNERS)
    if checkov is None:
        pytest.skip("checkov is not installed: make scan-manifests")
    return checkov


def scan(checkov: str, folder: Path) -> Scan:
    """Scan ``folder/TARGET/*.yaml``."""
    done = subprocess.run(
        [
            *(checkov, "--directory", folder, "--framework", "kubernetes"),
            *("--output", "json", "--compact", "--skip-download"),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    report = json.loads(done.stdout)
    results = report["results"]
    found = [_finding(row) for row in results["failed_checks"]]
    looked_at = [*found, *map(_finding, results["passed_checks"])]
    return Scan(
        frozenset(found),
        frozenset((row.target, row.kind) for row in looked_at),
        report["summary"]["parsing_errors"],
    )


def _finding(row: dict[str, str]) -> Finding:
    target = Path(row["file_path"]).parts[1]
    kind, _, name = row["resource"].split(".", 2)
    return Finding(target, row["check_id"], kind, name)
