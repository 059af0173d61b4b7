"""The Dockerfile as text, for machines that cannot build it."""

import configparser
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from predictor.config import ServerConfig
from tests.image.locks import ROOT

DOCKERFILE = ROOT / "predictor" / "Dockerfile"
TEXT = DOCKERFILE.read_text()
LINES = re.sub(r"^\s*#.*\n", "", TEXT, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
INSTRUCTIONS = [tuple(line.split(maxsplit=1)) for line in LINES if line]
LABELS = ("created", "licenses", "revision", "source", "version")


def values(instruction: str) -> list[str]:
    return [value for name, value in INSTRUCTIONS if name == instruction]


def stage(name: str) -> list[tuple[str, ...]]:
    """Return the instructions behind the FROM that names a stage."""
    start = next(i for i, (_, value) in enumerate(INSTRUCTIONS) if value.endswith(f" AS {name}"))
    names = [instruction for instruction, _ in INSTRUCTIONS[start + 1 :]] + ["FROM"]
    return INSTRUCTIONS[start + 1 : start + 1 + names.index("FROM")]


def test_hadolint_finds_nothing_and_is_told_to_overlook_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    result = subprocess.run(
        [str(hadolint), "--no-color", "--disable-ignore-pragma", str(DOCKERFILE)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_every_copied_path_exists_and_is_sent_to_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copies = [value.split()[:-1] for value in values("COPY") if not value.startswith("--from")]
    paths = {
        path.replace("${ACCELERATOR}", accelerator)
        for sources in copies
        for path in sources
        for accelerator in ("gpu", "cpu")
    }

    assert {path for path in paths if not (ROOT / path).exists()} == set()
    assert {path for path in paths if f"!{path.split('/')[0]}" not in ignored} == set()
    # All but what is named stays here.
    assert ignored[0] == "*"


def test_every_file_that_is_packaged_with_the_code_is_there() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    patterns = [
        f"{package.replace('.', '/')}/{pattern.strip()}"
        for package, listed in config["options.package_data"].items()
        for pattern in listed.split(",")
    ]

    assert [pattern for pattern in patterns if not any(ROOT.glob(pattern))] == []


def test_only_the_index_that_pip_knows_is_named() -> None:
    assert re.findall(r"--(?:extra-)?index-url|--trusted-host", TEXT) == []


def test_everything_is_installed_from_hashes_or_from_what_was_just_built() -> None:
    installs = re.findall(r"pip(?: --python \S+)? install ([^&\n]*)", "\n".join(values("RUN")))

    assert len(installs) == 6
    assert [i for i in installs if not re.search("--require-hashes|--no-index", i)] == []


def test_the_ports_are_those_that_the_predictor_listens_on() -> None:
    defaults = ServerConfig(model_dir=Path())

    assert values("EXPOSE") == [f"{defaults.http_port} {defaults.grpc_port}"]


def test_nothing_runs_as_root_and_the_user_is_a_number() -> None:
    assert values("USER") == ["10001:10001"]
    assert ("USER", "10001:10001") in stage("base")
    assert {value.split()[0] for value in values("FROM")[-2:]} == {"base"}


def test_the_predictor_is_started_without_a_shell_by_its_console_script() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    (entrypoint,) = values("ENTRYPOINT")

    assert json.loads(entrypoint)[0] in config["options.entry_points"]["console_scripts"]
    assert ("CMD", "[]") in stage("predictor")


def test_it_stops_by_sigterm_and_leaves_health_to_the_probes() -> None:
    assert values("STOPSIGNAL") == ["SIGTERM"]
    assert values("HEALTHCHECK") == []


@pytest.mark.parametrize("target", ["predictor", "tools"])
@pytest.mark.parametrize("label", LABELS)
def test_a_label_is_set_by_its_argument(target: str, label: str) -> None:
    (labels,) = [value for name, value in stage(target) if name == "LABEL"]

    assert f'org.opencontainers.image.{label}="${{{label.upper()}}}"' in labels
    assert ("ARG", label.upper()) in stage(target)


def test_the_predictor_is_what_a_build_without_a_target_makes() -> None:
    assert values("FROM")[-1] == "base AS predictor"
