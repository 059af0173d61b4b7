"""Lock files, and what an installed distribution needs, as sets of names."""

import configparser
import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "predictor" / "image"
PIN = re.compile(r"^([\w.-]+)==(\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})*)$", re.MULTILINE)


def text_of(lock: str) -> str:
    return (IMAGE / f"{lock}.txt").read_text()


def pins(lock: str) -> dict[str, str]:
    """Return the version of each package that a lock names."""
    return {canonicalize_name(name): version for name, version, _ in PIN.findall(text_of(lock))}


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    parts = (line.split("==") for line in lines if "==" in line)
    return {canonicalize_name(name): version for name, version in parts}


def excluded(file: str = "excluded") -> set[str]:
    lines = text_of(file).splitlines()
    return {canonicalize_name(line) for line in lines if line and not line.startswith("#")}


def declared(*, extra: str | None = None) -> list[Requirement]:
    """Return what setup.cfg asks for, or what one of its extras asks for beyond it."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = (
        config["options"]["install_requires"]
        if extra is None
        else config["options.extras_require"][extra]
    )
    return [Requirement(line) for line in lines.strip().splitlines()]


def needed(name: str, *, without: set[str]) -> set[str]:
    """Return what a distribution needs, directly or not, where ``without`` is never installed."""
    found: set[tuple[str, str]] = set()
    waiting = [(name, "")]
    while waiting:
        for other in _requires(*waiting.pop()):
            if other not in found and other[0] not in without:
                found.add(other)
                waiting.append(other)
    return {other for other, _ in found}


def _requires(name: str, extra: str) -> Iterator[tuple[str, str]]:
    for line in importlib.metadata.requires(name) or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            for wanted in ("", *requirement.extras):
                yield canonicalize_name(requirement.name), wanted
