"""Fit the base image's Python for running alone: without pip, its library compiled."""

import compileall
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

INSTALLERS = ("ensurepip", "pip", "pkg_resources", "setuptools", "wheel", "_distutils_hack")


def remove_installers() -> None:
    """Delete what installs packages from every directory that Python imports or runs from."""
    for path in [*_packages(), *_scripts()]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _packages() -> Iterator[Path]:
    # The first entry is this script's own directory.
    for directory in map(Path, sys.path[1:]):
        yield from directory.glob("distutils-precedence.pth")
        for name in INSTALLERS:
            yield from directory.glob(name)
            yield from directory.glob(f"{name}-*")


def _scripts() -> Iterator[Path]:
    for directory in {sysconfig.get_path("scripts"), "/usr/local/bin", "/usr/bin"}:
        for name in ("pip*", "wheel*"):
            yield from Path(directory).glob(name)
    # Debian's wheels for new virtual environments.
    yield from Path("/usr/share").glob("python-wheels")


if __name__ == "__main__":
    remove_installers()
    # The official image ships no bytecode, and a read-only root cannot keep what a start compiles.
    compileall.compile_dir(sysconfig.get_path("stdlib"), quiet=1)
