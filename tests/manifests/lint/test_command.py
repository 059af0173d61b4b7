"""``python -m manifests.lint`` as a user calls it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from manifests.lint.__main__ import main


def lint(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "TEST_CRD_DIR"}
    return subprocess.run(
        [sys.executable, "-m", "manifests.lint", *arguments],
        cwd=checkout,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_typo_in_the_base_is_one_line_for_all_objects_made_of_it(
    tree: Path, crd_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tree / "base/inferenceservice.yaml"
    before, _, after = file.read_text().partition("minReplicas: 0")
    file.write_text(f"{before}minReplica: 0{after}")
    number = before.count("\n") + 1

    with pytest.raises(SystemExit) as ended:
        main(["base", "components/grpc", f"--root={tree}", f"--crd-dir={crd_dir}"])

    assert ended.value.code == 1
    [line, summary] = capsys.readouterr().out.splitlines()
    assert line == (
        f"base/inferenceservice.yaml:{number}: InferenceService/r1: spec.predictor.minReplica = 0: "
        "unknown field (CRD of serving.kserve.io)"
    )
    assert re.fullmatch(r"\d+ objects in 2 targets, 1 faults", summary)


def test_without_crds_it_says_what_was_not_checked_and_how_to_get_them(tree: Path) -> None:
    done = lint(tree.parent, "base")

    assert done.returncode == 0
    assert re.fullmatch(r"\d+ objects in 1 targets, no faults\n", done.stdout)
    assert (
        "NOT held to a schema, so a misspelt field passes: "
        "InferenceService (serving.kserve.io/v1beta1)."
    ) in done.stderr
    assert "kubectl get crd -o yaml" in done.stderr


def test_crds_that_lack_a_kind_are_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["base", f"--crd-dir={tmp_path}", "--output=json"])

    assert ended.value.code == 1
    [fault] = json.loads(capsys.readouterr().out)["faults"]
    assert (fault["field"], fault["rule"]) == (
        "apiVersion",
        "has no kind InferenceService (CRDs)",
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(
            ["overlays/prod"], "overlays/prod is no target, there are: base, ", id="target"
        ),
        pytest.param(["--crd-dirs=x"], "No such option: --crd-dirs", id="option"),
        pytest.param(["--crd-dir=/nowhere"], "'/nowhere' does not exist", id="folder"),
        pytest.param(["--output=xml"], "'xml' is not one of 'text', 'json'", id="output"),
    ],
)
def test_a_wrong_call_says_what_is_allowed(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == os.EX_USAGE
    assert says in capsys.readouterr().err
