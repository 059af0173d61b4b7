"""A page opened in a real browser."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--v=0",
    "--blink-settings=preferredColorScheme=1",
    "--window-size=1280,800",
    "--dump-dom",
)


@dataclass(frozen=True, slots=True)
class Shown:
    """The document once its scripts have run, lines of the console, and a picture of the page."""

    document: str
    complaints: list[str]
    picture: Path


def show(page: Path, workdir: Path) -> Shown:
    """Open a file; the test is skipped where there is no browser."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no chromium: apt-get install chromium")
    picture = workdir / "page.png"
    own = [f"--user-data-dir={workdir / 'profile'}", f"--screenshot={picture}"]
    ended = subprocess.run(
        [browser, *_FLAGS, *own, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    # What a policy forbids, or what does not parse, is a line of the console.
    complaints = [line for line in ended.stderr.splitlines() if "CONSOLE" in line]
    return Shown(ended.stdout, complaints, picture)
