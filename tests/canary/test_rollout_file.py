from pathlib import Path

import pytest

from canary.errors import InputError
from canary.rollout_file import read_manifest, read_rollout_file

LEAST = "service: r1\nnamespace: models\nmanifest: predictor.yaml\n"
ISVC = """apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: r1
  namespace: models
spec:
  predictor:
    minReplicas: 1
    model:
      storageUri: pvc://r1/new
"""


@pytest.fixture
def write(tmp_path):
    def _write(text: str | bytes):
        path = tmp_path / "file.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return _write


def told(read, *arguments) -> str:
    with pytest.raises(InputError) as error:
        read(*arguments)
    message = str(error.value)
    assert "\n" not in message
    return message.replace(str(arguments[0]), "file.yaml")


def test_a_rollout_file_needs_three_settings(write):
    plan = read_rollout_file(write(LEAST))
    assert (plan.service, plan.namespace, plan.manifest) == ("r1", "models", "predictor.yaml")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("steps:\n- percent: 5\n- percent: 150\n", "6: steps.1.percent is 150, must be less"),
        ("steps:\n- percent: '5'\n", "5: steps.0.percent is '5', must be a"),
        ("bake:\n  percent: 95\n  min_duration: 5\n", "6: bake.min_duration is 5, must be a dur"),
        ("bake:\n  min_requests: 5\n", "4: bake.percent is missing, and must be given"),
        ("limits:\n  then: shrug\n", "5: limits.then is 'shrug', must be 'roll_back' or 'hold'"),
        ("limits:\n  total: 10m\n", "5: rollout: limits.total is 600s, must be more than"),
        ("steps:\n- percent: 96\n", "4: rollout: steps and bake must rise, but 95 % comes"),
        ("restore: {}\n", "4: rollout: restore is given without min_replicas, must be left out"),
        (
            "min_replicas: 1\nrestore:\n  steps:\n  - percent: 96\n",
            "6: restore: steps and bake must rise, but 95 % comes after 96 %",
        ),
        ("min_replicas: 1\nrestore: true\n", "5: restore is true, must be a mapping"),
        ("metrics:\n  ttft:\n    margin: 1\n", "6: metrics.ttft: margin is 1, must be more"),
        ("metrics:\n  ttft: fast\n", "5: metrics.ttft is 'fast', must be a mapping"),
        ("metrics:\n  ttft:\n    edges: 1\n", "6: metrics.ttft.edges is 1, must be a list"),
        (
            "metrics:\n  ttft:\n    edges:\n    - 1\n    - x\n",
            "8: metrics.ttft.edges.1 is 'x', must be a n",
        ),
        ("metrics:\n  custom:\n    A: {}\n", "6: metrics.custom.A is 'A', must be a name"),
        ("\nstps: []\n", "5: stps is no setting; `r1-canary schema` lists them"),
        ("gate:\n  deep: 1\n", "5: gate.deep is no setting"),
        ("bake:\n  percent: 95\n  percent: 96\n", "6: percent is given twice"),
        ("gate: 2026-01-01\n", "4: gate is '2026-01-01', must be a mapping"),
        ("gate: !!python/object:os.system {}\n", "4: a tag is given, must be left out"),
        ("a: &a [x]\nb: [*a, *a]\n", "5: an alias is given, must be what it stands for"),
        ("gate:\n  <<: {margin: 0.1}\n", "5: a key is no text"),
        ("1: 2\n", "4: a key is no text, must be text or in quotes"),
        ("gate: [\n", "5: "),
        ("gate: .nan\n", "4: gate is '.nan', must be a mapping"),
        ("gate: " + "9" * 30 + "\n", "4: gate is no value that JSON can hold"),
        ("gate: " + "[" * 60, "4: too much, must be at most 40 levels"),
        ("---\nservice: r2\n", " holds 2 documents, must hold one rollout"),
        ("# " + "x" * 70_000, " is larger than 65536 bytes"),
    ],
    ids=lambda value: value[:24],
)
def test_an_error_says_line_setting_value_and_what_is_allowed(write, more, message):
    separator = "" if message.startswith(" ") else ":"
    assert told(read_rollout_file, write(LEAST + more)).startswith(f"file.yaml{separator}{message}")


@pytest.mark.parametrize(
    "setting",
    [
        "prometheus:\n  url: http://me:planted@prometheus\n",
        "prometheus:\n  url: prometheus?token=planted\n",
        "prometheus:\n  matchers: planted\n",
        "prometheus:\n  bearer_token_file: [planted]\n",
        "webhook_url_file:\n- https://hooks.example/planted\n",
        "webhook_url: https://hooks.example/planted\n",
        "webhook_url_file: 'planted\n",
    ],
)
def test_what_may_be_a_secret_is_not_shown(write, setting):
    assert "planted" not in told(read_rollout_file, write(LEAST + setting))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "holds 0 documents"),
        (b"\xff\xfe\xff", "must be YAML"),
        (b"\x00", "must be YAML"),
        (b"- a\n", "file.yaml:1: a document is no mapping"),
    ],
    ids=["empty", "not UTF", "NUL", "list"],
)
def test_what_is_no_rollout_file_is_refused(write, text, message):
    assert message in told(read_rollout_file, write(text))


def test_a_folder_is_no_file(tmp_path):
    assert told(read_rollout_file, tmp_path) == "file.yaml is no regular file, must be one"


def test_a_missing_file_is_named(tmp_path):
    assert "No such file" in told(read_rollout_file, tmp_path / "none.yaml")


def test_the_predictor_of_the_one_service_among_other_kinds_is_read(write):
    text = f"apiVersion: v1\nkind: ConfigMap\n---\n{ISVC}---\n# nothing\n"
    assert read_manifest(write(text), "r1", "models") == {
        "minReplicas": 1,
        "model": {"storageUri": "pvc://r1/new"},
    }


def test_a_manifest_without_a_namespace_is_taken(write):
    text = ISVC.replace("  namespace: models\n", "")
    assert read_manifest(write(text), "r1", "models")["minReplicas"] == 1


@pytest.mark.parametrize(
    ("written", "read"),
    [("0644", 420), ("yes", True), ("1:30", "1:30"), ("2026-01-01", "2026-01-01"), ("1e3", 1000.0)],
)
def test_values_are_what_kubectl_takes_them_for(write, written, read):
    text = f"{ISVC}      value: {written}\n"
    assert read_manifest(write(text), "r1", "models")["model"]["value"] == read


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: r1", "name: r2", ":4: metadata.name is 'r2', must be 'r1'"),
        ("namespace: models", "namespace: x", ":5: metadata.namespace is 'x', must be 'models'"),
        ("v1beta1", "v1alpha1", ":1: apiVersion is 'serving.kserve.io/v1alpha1', must be"),
        ("kind: InferenceService", "kind: Service", " holds 0 InferenceServices, must hold one"),
        ("minReplicas: 1", "canaryTrafficPercent: 5", ":8: spec.predictor.canaryTrafficPercent is"),
        ("  predictor:", "  transformer:", ":6: spec.predictor is missing or no mapping"),
        ("minReplicas: 1", "minReplicas: 1\n    minReplicas: 2", ":9: minReplicas is given twice"),
        ("minReplicas: 1", "x: &x {}\n    y: *x", ":9: an alias is given"),
        ("apiVersion", f"{ISVC}---\napiVersion", " holds 2 InferenceServices"),
    ],
    ids=lambda value: value[:24],
)
def test_a_manifest_that_is_not_the_services_is_refused(write, old, new, message):
    path = write(ISVC.replace(old, new, 1))
    assert told(read_manifest, path, "r1", "models").startswith(f"file.yaml{message}")


def test_an_environments_values_are_not_shown(write):
    text = f"{ISVC}      env: planted: planted\n"
    assert "planted" not in told(read_manifest, write(text), "r1", "models")


def test_other_files_are_named_from_the_rollout_files_folder(tmp_path: Path) -> None:
    path = tmp_path / "rollout.yaml"
    path.write_text(
        "service: r1\nnamespace: r1\nmanifest: next.yaml\nwebhook_url_file: url\n"
        "gate: {prompts: prompts.jsonl}\nprometheus: {ca_file: /etc/ca.pem}\n"
    )

    plan = read_rollout_file(path)

    assert plan.webhook_url_file == str(tmp_path / "url")
    assert plan.gate is not None
    assert plan.gate.prompts == str(tmp_path / "prompts.jsonl")
    assert plan.prometheus.ca_file == "/etc/ca.pem"
    assert plan.prometheus.bearer_token_file is None
