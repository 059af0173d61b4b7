"""The shell script of the rollout's Job."""

import os
import subprocess
from pathlib import Path

import pytest

from manifests.lint.render import MANIFESTS

SECRETS = "/var/run/secrets/r1-canary"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The script with its Secret here, and a program that tells its arguments and fails with 1."""
    script = (MANIFESTS / "canary/run.sh").read_text().replace(SECRETS, str(tmp_path))
    (tmp_path / "run.sh").write_text(script)
    program = tmp_path / "r1-canary"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 1\n')
    program.chmod(0o755)
    return tmp_path


def _run(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", folder / "run.sh", "rollout.yaml", "--output=json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
    )


def test_the_program_gets_the_job_s_arguments_and_the_token(folder: Path) -> None:
    (folder / "token").write_text("a.b.c\n")
    assert _run(folder).stdout.splitlines() == [
        *("run", "rollout.yaml", "--output=json"),
        "--header=Authorization: Bearer a.b.c",
    ]


def test_the_exit_code_is_the_program_s(folder: Path) -> None:
    (folder / "token").write_text("a.b.c\n")
    assert _run(folder).returncode == 1


def test_without_a_token_nothing_is_begun(folder: Path) -> None:
    done = _run(folder)
    assert (done.returncode, done.stdout) == (2, "")
