"""What the README says of commands, flags, settings and exit statuses is what the program does."""

import re
from pathlib import Path

import pytest
import typer

from canary.__main__ import app, main
from canary.cluster.store import MAX_HISTORY
from canary.commands.surroundings import Surroundings
from canary.errors import ExitStatus
from canary.judgement.eprocess import MAX_LOG_FACTOR
from canary.rollout_file import read_rollout_file

README = (Path(__file__).parents[2] / "canary" / "README.md").read_text()


def test_every_command_is_listed() -> None:
    section = README.partition("| command | what |")[2].partition("\n\n")[0]
    named = re.findall(r"^\| `([a-z]+)", section, re.MULTILINE)

    assert set(named) == set(typer.main.get_command(app).commands)


def test_every_exit_status_is_listed() -> None:
    section = README.partition("| exit status | |")[2].partition("\n\n")[0]

    assert [int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)] == list(
        ExitStatus
    )


def test_the_rollout_file_is_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "rollout.yaml"
    file.write_text(example)

    assert [stage.percent for stage in read_rollout_file(file).stages] == [5, 25, 95]


@pytest.mark.parametrize("flag", sorted(set(re.findall(r"--[a-z][a-z-]+", README))))
def test_every_flag_that_is_named_exists(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "--help"], Surroundings())
    main(["lint", "--help"], Surroundings())

    assert flag in capsys.readouterr().out.replace("\n", "")


def test_the_numbers_are_the_programs() -> None:
    assert f"the last {MAX_HISTORY} rollouts" in README
    assert f"a factor of {2.718281828**MAX_LOG_FACTOR:.0f}" in README


def test_it_is_short() -> None:
    assert README.count("\n") < 150
