"""How many CPUs this process may use."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

CGROUPS: Final = Path("/sys/fs/cgroup")
OWN_CGROUP: Final = Path("/proc/self/cgroup")


def num_cpus() -> int:
    """Return the CPUs of the affinity mask, or of the cgroup's quota where that is less.

    Part of a CPU counts as one: a thread without a share of its own would stop all others.
    """
    return math.ceil(min(len(os.sched_getaffinity(0)), cgroup_cpus(CGROUPS, OWN_CGROUP)))


def cgroup_cpus(cgroups: Path, own: Path) -> float:
    """Return the least quota of the process' cgroup and those above it, in CPUs; inf if none is.

    cgroup v2 (https://docs.kernel.org/admin-guide/cgroup-v2.html) has it in ``cpu.max``, v1 in
    ``cpu.cfs_quota_us`` and ``cpu.cfs_period_us``.
    """
    return min(
        (quota for folder in _folders(cgroups, own) for quota in _quotas(folder)),
        default=math.inf,
    )


def _folders(cgroups: Path, own: Path) -> Iterator[Path]:
    """Yield the folder of each cgroup that holds the process, up to the root that is mounted."""
    try:
        lines = own.read_text("utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = cgroups / "cpu" if controllers else cgroups
        relative = Path(path.lstrip("/"))
        for folder in (relative, *relative.parents):
            yield root / folder


def _quotas(folder: Path) -> Iterator[float]:
    match _words(folder / "cpu.max"):
        case [quota, period] if quota != "max":
            yield int(quota) / int(period)
    match _words(folder / "cpu.cfs_quota_us"), _words(folder / "cpu.cfs_period_us"):
        case [quota], [period] if quota != "-1":
            yield int(quota) / int(period)


def _words(file: Path) -> list[str]:
    try:
        return file.read_text("ascii").split()
    except OSError:
        return []
