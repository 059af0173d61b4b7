"""What only reads: plan, status, history, lint, report, schema; and how errors are told."""

import json
from pathlib import Path

import pytest

from canary.__main__ import main
from canary.commands.surroundings import Surroundings
from canary.errors import ExitStatus
from tests.canary.closed_port import closed_port
from tests.canary.commands.stage import Stage
from tests.canary.simulator.prometheus import Fault
from tests.canary.simulator.services import edit


def test_a_plan_tells_time_and_requests_of_each_step(stage: Stage) -> None:
    child = stage.do("plan", stage.write())

    assert child.status == ExitStatus.PROMOTED, child.out
    assert "requests/s, where nothing is wrong" in child.out
    assert "50 %" in child.out


def test_a_plan_in_json_takes_a_rate_and_says_that_nothing_is_in_the_way(stage: Stage) -> None:
    child = stage.do("plan", stage.write(), "--rate", "2", "--output", "json")
    [plan] = child.documents

    assert (plan["rate_rps"], plan["refusals"], plan["unreachable"]) == (2.0, [], None)
    assert [(s["percent"], s["bound_by"]) for s in plan["stages"]] == [
        (10, "min_requests"),
        (50, "proof of ttft"),
    ]
    assert plan["stages"][0]["num_canary_requests"] >= 100


@pytest.mark.parametrize("rate", ["0", "-1", "inf", "nan"])
def test_a_rate_that_is_none_is_refused(stage: Stage, rate: str) -> None:
    child = stage.do("plan", stage.write(), f"--rate={rate}")

    assert child.status == ExitStatus.BAD_INPUT
    assert f"the rate is {rate} requests/s, must be above 0" in child.err


def test_a_plan_tells_every_refusal_at_once(stage: Stage) -> None:
    edit(stage.universe, {"metadata": {"annotations": {"serving.kserve.io/stop": "true"}}})
    stage.universe.api.denied |= {("list", "pods"), ("patch", "inferenceservices")}
    stage.universe.prometheus.fault = Fault.EMPTY
    file = stage.write(gate={"num_prompts": 3})
    child = stage.do("plan", file, "--output", "json")
    text = "\n".join(child.documents[0]["refusals"])

    assert child.status == ExitStatus.BAD_INPUT
    for word in ("list pods", "patch inf", "is stopped", "r1_requests_total", "has 3 prompts"):
        assert word in text, text
    assert stage.end(stage.begin(file)).err.count("\n") == text.count("\n") + 1


def test_a_plan_without_prometheus_ends_with_3(stage: Stage) -> None:
    stage.universe.prometheus.fault = Fault.REFUSED
    child = stage.do("plan", stage.write())

    assert child.status == ExitStatus.UNREACHABLE
    assert "Cannot be told: Prometheus" in child.out


def test_status_and_history_before_during_and_after(stage: Stage) -> None:
    file = stage.write()
    before = stage.do("status", stage.service)
    nothing = stage.do("history", stage.service, "--output", "json")
    child = stage.begin(file)
    stage.serve(lambda: stage.percent == 10)
    during = stage.do("status", stage.service, "--output", "json")
    stage.end(child)
    after = stage.do("status", stage.service)
    [ended] = stage.do("history", stage.service, "--output", "json").documents[0]

    statuses = [one.status for one in (before, during, child, after)]
    assert statuses == [ExitStatus.BAD_INPUT, ExitStatus.PAUSED, 0, 0]
    assert nothing.documents == [[]]
    assert during.documents[0]["phase"] == "stepping"
    assert [d["reason"] for d in during.documents[0]["decisions"]][:2] == ["Started", "CanaryReady"]
    assert "all users are on the canary" in after.out
    assert (ended["phase"], ended["has_ended"]) == ("promoted", True)
    assert "promoted" in stage.do("history", stage.service).out


def test_a_status_of_a_rollback_is_1(stage: Stage) -> None:
    child = stage.begin(stage.write())
    stage.serve(lambda: stage.percent == 10)
    stage.kill(child)
    stage.do("abort", stage.service)

    assert stage.do("status", stage.service).status == ExitStatus.ROLLED_BACK


def test_a_report_is_drawn_from_the_audit(stage: Stage) -> None:
    audit, page = stage.folder / "audit.jsonl", stage.folder / "report.html"
    stage.end(stage.begin(stage.write(), "--audit", audit))
    child = stage.do_offline("report", audit, page, "--output", "json")

    assert child.documents == [{"report": str(page), "broken_lines": 0}]
    assert "Promoted" in page.read_text()


def test_lint_names_the_traps_of_a_live_service(stage: Stage) -> None:
    edit(stage.universe, {"spec": {"predictor": {"canaryTrafficPercent": 20}}})
    stage.universe.advance(stage.universe.now + 60)
    child = stage.do("lint", stage.write(), "--output", "json")

    assert child.status == ExitStatus.BAD_INPUT
    assert child.documents[0][0]["name"] == "percent-before-template"


def test_lint_without_a_cluster_reads_the_files(stage: Stage) -> None:
    good = stage.do_offline("lint", stage.write(), "--offline", "--output", "json")
    bad = stage.do_offline("lint", stage.write(gate={"num_prompts": 3}), "--offline")

    assert (good.status, good.documents) == (0, [[]])
    assert bad.status == ExitStatus.BAD_INPUT
    assert bad.out.startswith("unanswerable-gate: the gate has 3 prompts")


def test_the_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"], Surroundings()) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "A rollout file of r1-canary"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("service: r1\nnamespace: r1\nmanifest: m.yaml\nsteps:\n- percent: 0\n", "rollout.yaml:5"),
        ("service: r1\nnamespace: r1\nmanifest: m.yaml\nspeed: 9\n", "rollout.yaml:4"),
        ("service: [\n", "rollout.yaml:2"),
    ],
    ids=["value", "unknown", "yaml"],
)
@pytest.mark.parametrize("command", ["run", "plan", "lint"])
def test_a_bad_file_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, text: str, told: str
) -> None:
    file = tmp_path / "rollout.yaml"
    file.write_text(text)

    assert main([command, str(file)], Surroundings()) == ExitStatus.BAD_INPUT
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert told in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["status", "r1"], "service is 'r1', must be NAMESPACE/NAME such as r1/r1"),
        (["status", "r1/nobody"], "there is no InferenceService r1/nobody"),
        (["status", "r1/r1", "--context", "x"], "--context is x"),
        (["run", "missing.yaml"], "missing.yaml"),
        (["stop"], "No such command"),
        (["status"], "Missing argument"),
        (["status", "r1/r1", "--output", "xml"], "xml"),
    ],
    ids=["name", "nobody", "context", "no-file", "command", "argument", "output"],
)
def test_bad_input_is_told_in_a_line(stage: Stage, arguments: list[str], told: str) -> None:
    child = stage.do(*arguments)

    assert (child.status, child.out) == (ExitStatus.BAD_INPUT, "")
    assert told in child.err
    assert child.err.count("\n") == 1


def test_a_cluster_that_is_not_there_ends_it_with_3(stage: Stage) -> None:
    with closed_port() as port:
        config = stage.kubeconfig.read_text().replace(stage.server.url, f"http://127.0.0.1:{port}")
        stage.kubeconfig.write_text(config)
        child = stage.do("status", stage.service, "--output", "json")

    assert (child.status, child.out) == (ExitStatus.UNREACHABLE, "")
    assert child.err.startswith(f"r1-canary: the cluster at http://127.0.0.1:{port} does not ans")
    assert child.err.count("\n") == 1
