"""What the README says of names, commands and exit statuses is what the program does."""

import re
from pathlib import Path

import pytest

from loadtest.__main__ import app, main
from loadtest.config import RunConfig
from loadtest.definitions import DEFINITIONS
from loadtest.errors import ExitCode
from loadtest.workload import make_config

README = (Path(__file__).parents[2] / "loadtest" / "README.md").read_text()


def test_definitions_are_the_reports_own() -> None:
    section = README.partition("## What the names mean")[2].partition("\n## ")[0]
    defined = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))

    assert len(defined) > 10
    assert defined == {name: DEFINITIONS[name] for name in defined}


def test_every_exit_status_is_listed() -> None:
    section = README.partition("| exit status | |")[2].partition("\n\n")[0]

    assert [int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)] == list(
        ExitCode
    )


def test_every_command_is_listed() -> None:
    section = README.partition("| command | what |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z-]+)[^`]*`", section))

    assert {command.name or command.callback.__name__ for command in app.registered_commands} == {
        name.replace("null-server", "null_server") for name in named
    }


def test_the_workload_file_is_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "workload.yaml"
    file.write_text(example)

    assert isinstance(make_config(file, {}), RunConfig)


@pytest.mark.parametrize("flag", sorted(set(re.findall(r"--[a-z][a-z-]+", README))))
def test_every_flag_that_is_named_exists(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "--help"])

    assert flag in capsys.readouterr().out.replace("\n", "")
