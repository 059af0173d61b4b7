"""The rollout's Job, its command run here as its pod runs it."""

from pathlib import Path
from random import Random

import pytest
import yaml

from canary import __main__ as tool
from canary.commands.surroundings import Surroundings
from canary.errors import ExitStatus
from manifests.lint.faults import at
from manifests.lint.render import render

MOUNTED = ("/etc/r1-canary", "/var/run/secrets/r1-canary", "/results")
# Nobody listens there.
CLUSTER = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "none",
    "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:9"}}],
    "contexts": [{"name": "none", "context": {"cluster": "none"}}],
}


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """The words of the Job's command, with its volumes here but for the Secret's token."""
    documents = render(["canary"])
    [files] = [each.body["data"] for each in documents if each.kind == "ConfigMap"]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(CLUSTER))
    [job] = [each.body for each in documents if each.kind == "Job"]
    container = at(job, "spec", "template", "spec", "containers", 0)
    return [*container["command"], *(_moved(word, tmp_path) for word in container["args"])]


def _moved(word: str, folder: Path) -> str:
    for mount in MOUNTED:
        word = word.replace(mount, str(folder))
    return word.replace("$(ATTEMPT)", "6a1f")


def _run(words: list[str], folder: Path) -> int:
    # The pod's cluster is that of its ServiceAccount.
    surroundings = Surroundings(sleep=lambda seconds: None, rng=Random(1))
    given = [*words[1:], f"--kubeconfig={folder}/kubeconfig"]
    return tool.main(given, surroundings)


def test_the_command_is_taken_and_goes_on_to_the_cluster(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text("a.b.c\n")
    assert _run(words, tmp_path) == ExitStatus.UNREACHABLE
    assert "the cluster at http://127.0.0.1:9 does not answer" in capsys.readouterr().err
