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
    tree: Path, crds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tree / "base/inferenceservice.yaml"
    before, _, after = file.read_text().partition("minReplicas: 0")
    file.write_text(f"{before}minReplica: 0{after}")
    number = before.count("\n") + 1

    with pytest.raises(SystemExit) as ended:
        main(["base", "components/grpc", f"--root={tree}", f"--crd-dir={crds}"])

    assert ended.value.code == 1
    [line, summary] = capsys.readouterr().out.splitlines()
    assert line == (
        f"base/inferenceservice.yaml:{number}: InferenceService/r1: spec.predictor.minReplica = 0: "
        "unknown field (CRD of serving.kserve.io)"
    )
    assert re.fullmatch(r"\d+ objects in 2 targets, 1 faults", summary)


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        pytest.param(
            "base/inferenceservice.yaml",
            "spec: [\n",
            'base/inferenceservice.yaml:2: file: text = "did not find expected node content": '
            "must be YAML (ours)",
            id="no-yaml",
        ),
        pytest.param(
            "base/serviceaccount.yaml",
            "kind: ServiceAccount\nkind: ServiceAccount\n",
            'base/serviceaccount.yaml:2: file: kind = "ServiceAccount": is there twice (ours)',
            id="a-key-twice",
        ),
        pytest.param(
            "base/kustomization.yaml",
            "resources: [\n",
            'base/kustomization.yaml:2: file: text = "did not find expected node content": '
            "must be YAML (ours)",
            id="a-kustomization",
        ),
    ],
)
def test_an_unreadable_file_is_one_line_for_all_that_is_made_of_it(
    tree: Path, capsys: pytest.CaptureFixture[str], file: str, text: str, line: str
) -> None:
    (tree / file).write_text(text)

    with pytest.raises(SystemExit):
        main(["base", "components/canary-rbac", f"--root={tree}"])

    assert capsys.readouterr().out.splitlines()[:-1] == [line]


def test_a_target_made_of_an_unreadable_file_elsewhere_does_not_render(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / "base/inferenceservice.yaml").write_text("spec: [\n")

    with pytest.raises(SystemExit):
        main(["components/canary-rbac", f"--root={tree}"])

    [line, _] = capsys.readouterr().out.splitlines()
    place = "components/canary-rbac/kustomization.yaml:1: file: target = components/canary-rbac"
    assert line.startswith(f"{place}: must render: ")


@pytest.mark.nightly
def test_a_patch_for_nothing_is_among_the_faults(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tree / "overlays/staging/kustomization.yaml"
    file.write_text(file.read_text().replace("name: r1\n", "name: r2\n"))

    with pytest.raises(SystemExit):
        main(["overlays/staging", f"--root={tree}"])

    assert ": must match an object (kustomize)" in capsys.readouterr().out


@pytest.mark.nightly
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
