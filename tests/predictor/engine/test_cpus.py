"""CPUs by the quota of cgroups as Linux lays them out, v2 and v1."""

import math
import os
from pathlib import Path

import pytest

from predictor.engine.cpus import cgroup_cpus, num_cpus


@pytest.mark.parametrize(
    ("own", "files", "cpus"),
    [
        pytest.param("0::/", {"cpu.max": "150000 100000"}, 1.5, id="v2-in-a-container"),
        pytest.param("0::/", {"cpu.max": "max 100000"}, math.inf, id="v2-without-a-quota"),
        pytest.param("0::/pods/a", {"pods/a/cpu.max": "50000 100000"}, 0.5, id="v2-on-the-host"),
        pytest.param(
            "0::/pods/a",
            {"pods/cpu.max": "200000 100000", "pods/a/cpu.max": "max 100000"},
            2.0,
            id="v2-above",
        ),
        pytest.param(
            "4:cpu,cpuacct:/a\n3:memory:/a",
            {"cpu/a/cpu.cfs_quota_us": "300000", "cpu/a/cpu.cfs_period_us": "100000"},
            3.0,
            id="v1",
        ),
        pytest.param(
            "4:cpu,cpuacct:/",
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
            math.inf,
            id="v1-without-a-quota",
        ),
        pytest.param("0::/", {}, math.inf, id="nothing-mounted"),
    ],
)
def test_the_quota_is_the_least_of_all_cgroups_above(
    tmp_path: Path, own: str, files: dict[str, str], cpus: float
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    (tmp_path / "own").write_text(f"{own}\n")

    assert cgroup_cpus(tmp_path, tmp_path / "own") == cpus


def test_where_there_are_no_cgroups_there_is_no_quota(tmp_path: Path) -> None:
    assert cgroup_cpus(tmp_path, tmp_path / "own") == math.inf


def test_here_there_is_a_cpu_and_no_more_than_the_mask_has() -> None:
    assert 1 <= num_cpus() <= len(os.sched_getaffinity(0))
