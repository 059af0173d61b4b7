"""Faults planted in files, before anything is rendered."""

from pathlib import Path

import pytest

from manifests.lint import raw, rollout

BASE = "kind: Kustomization\nresources:\n  - a.yaml\n"
OBJECT = "apiVersion: v1\nkind: ConfigMap\n"
# In two parts, so that this file holds none.
PRIVATE_KEY = "-----BEGIN EC " + "PRIVATE KEY-----"
PERCENT = "spec.predictor.canaryTrafficPercent"


@pytest.mark.parametrize(
    ("files", "line"),
    [
        pytest.param(
            {"a.yaml": "a: [1\n"},
            "a.yaml:2: file: text = \"did not find expected ',' or ']'\": must be YAML (ours)",
            id="no-yaml",
        ),
        pytest.param(
            {"a.yaml": f"{OBJECT}---\n{OBJECT}"},
            "a.yaml:4: file: documents = 2: must be one object a file (ours)",
            id="two-objects",
        ),
        pytest.param(
            {"a.yaml": f"{OBJECT}data:\n  b: x\n  b: y\n"},
            'a.yaml:5: file: b = "y": is there twice (ours)',
            id="a-key-twice",
        ),
        pytest.param(
            {"a.yaml": f"{OBJECT}data:\n  b: x\ndata:\n  c: y\n"},
            "a.yaml:5: file: data = ...: is there twice (ours)",
            id="a-mapping-twice",
        ),
        pytest.param(
            {"a.yaml": f"{OBJECT}data:\n  b: x\t# tab\n"},
            'a.yaml:4: file: text = "\\t": must indent by two spaces, not tabs (ours)',
            id="a-tab",
        ),
        pytest.param(
            {"a.yaml": "apiVersion: v1\nkind: Secret\n"},
            'a.yaml:2: file: kind = "Secret": must hold no secret (ours)',
            id="a-secret",
        ),
        pytest.param(
            {"a.yaml": f"{OBJECT}data:\n  key: |\n    {PRIVATE_KEY}\n"},
            'a.yaml:5: file: text = "PRIVATE KEY": must hold no secret (ours)',
            id="a-private-key",
        ),
        pytest.param(
            {"b.yaml": OBJECT},
            'b.yaml:1: file: path = "b.yaml": '
            "must be used by a kustomization.yaml, or named by a README.md (ours)",
            id="a-dead-file",
        ),
        pytest.param(
            {"kustomization.yaml": f"{BASE}  - c.yaml\n"},
            'kustomization.yaml:4: file: path = "c.yaml": '
            "must be a file, or a folder with a kustomization.yaml (ours)",
            id="a-path-that-is-not-there",
        ),
        pytest.param(
            {"kustomization.yaml": f"{BASE}patches:\n  - path: d.yaml\n"},
            'kustomization.yaml:5: file: path = "d.yaml": '
            "must be a file, or a folder with a kustomization.yaml (ours)",
            id="a-patch-that-is-not-there",
        ),
    ],
)
def test_a_planted_file_gets_its_one_line(tmp_path: Path, files: dict[str, str], line: str) -> None:
    tree = {"kustomization.yaml": BASE, "a.yaml": OBJECT} | files
    for name, text in tree.items():
        (tmp_path / name).write_text(text)

    assert [str(fault) for fault in raw.check(tmp_path)] == [line]


@pytest.mark.parametrize("guide", ["README.md", "kustomization.yaml"])
def test_a_file_that_a_guide_names_is_not_dead(tmp_path: Path, guide: str) -> None:
    tree = {"kustomization.yaml": BASE, "a.yaml": OBJECT, "b.yaml": OBJECT}
    for name, text in tree.items():
        (tmp_path / name).write_text(text)
    with (tmp_path / guide).open("a") as file:
        file.write("# b.yaml\n")

    assert raw.check(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            "spec:\n  predictor:\n    canaryTrafficPercent: null\n",
            f"canary-start/edit.yaml:3: InferenceService/r1: {PERCENT} = missing: "
            "must be an integer in 0..100: null ships the latest (ours)",
            id="a-percent-taken-out",
        ),
        pytest.param(
            "spec:\n  predictor:\n    canaryTrafficPercent: 150\n",
            f"canary-start/edit.yaml:3: InferenceService/r1: {PERCENT} = 150: "
            "must be an integer in 0..100: null ships the latest (ours)",
            id="over-100",
        ),
        pytest.param(
            "spec:\n  predictor:\n    timeout: 700\n    canaryTrafficPercent: 0\n",
            f"canary-start/edit.yaml:4: InferenceService/r1: {PERCENT} = 0: must be the only "
            "change: a new template takes this percent over, here timeout (ours)",
            id="a-template-put-back-with-the-percent",
        ),
        pytest.param(
            "spec:\n  predictor:\n    timeout: 700\n",
            f"canary-start/edit.yaml:1: InferenceService/r1: {PERCENT} = missing: "
            "must be there: without it this is a change for all users (ours)",
            id="a-template-without-percent",
        ),
        pytest.param(
            "- op: replace\n  path: /spec/predictor/timeout\n  value: 700\n",
            f"canary-start/edit.yaml:1: InferenceService/r1: {PERCENT} = missing: "
            "must be set in the same patch as the template (ours)",
            id="a-start-without-percent",
        ),
        pytest.param(
            "- op: add\n  path: /spec/predictor/canaryTrafficPercent\n  value: 0\n",
            f"canary-start/edit.yaml:2: InferenceService/r1: {PERCENT} = 0: "
            "must come with the template that it is for (ours)",
            id="a-start-without-template",
        ),
        pytest.param(
            "- op: replace\n  path: /spec/predictor/timeout\n  value: 700\n"
            "- op: add\n  path: /spec/predictor/canaryTrafficPercent\n  value: 10\n",
            f"canary-start/edit.yaml:5: InferenceService/r1: {PERCENT} = 10: "
            "must start at 0: until judged it gets no users (ours)",
            id="a-start-with-users",
        ),
    ],
)
def test_a_planted_canary_gets_its_one_line(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "canary-start").mkdir()
    (tmp_path / "canary-start" / "edit.yaml").write_text(text)

    assert [str(fault) for fault in rollout.check(tmp_path)] == [line]
