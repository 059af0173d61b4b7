"""A header's file, where the rollout begins and where it goes on."""

from pathlib import Path

import pytest

from canary.errors import ExitStatus
from tests.canary.commands.stage import Stage

BAD = "# renewed today\na.b.c\n"


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("a.b.c\n")
    return path


def test_without_a_token_no_rollout_begins(stage: Stage, token: Path) -> None:
    token.write_text(BAD)
    run = stage.end(stage.begin(stage.write(), f"--header=Authorization: Bearer @{token}"))

    assert run.status == ExitStatus.BAD_INPUT
    assert f"--header reads {token}, must be one line" in run.err
    assert (stage.image, stage.stored()) == ("old", {})


def test_split_traffic_is_gone_on_with_though_the_token_is_bad(stage: Stage, token: Path) -> None:
    file, header = stage.write(), f"--header=Authorization: Bearer @{token}"
    first = stage.begin(file, header)
    stage.serve(lambda: stage.percent)
    stage.kill(first)
    token.write_text(BAD)

    second = stage.end(stage.begin(file, header))
    assert (second.status, stage.image) == (ExitStatus.PROMOTED, "good")
