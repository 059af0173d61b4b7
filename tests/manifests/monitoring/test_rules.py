"""Every alert fires when it should and is silent just below, at no data, at zero and at a reset."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from manifests.lint.render import Document
from tests.manifests.monitoring.rules import (
    CASES,
    COMPONENT,
    alerts,
    groups,
    metrics_of,
    write_groups,
)

ALERTS = alerts()
NAMES = {rule["alert"] for rule in ALERTS}
TABLES = sorted(CASES.glob("*.yaml"))
CASE_LIST = [case for path in TABLES for case in yaml.safe_load(path.read_text())["tests"]]
COUNTERS = re.compile(r".*_(total|bucket|count|sum)")

# No pod of the predictor is needed for it.
BLIND = "R1ClusterMetricsMissing"


def test_promtool_accepts_the_rules_and_their_templates(promtool: str, tmp_path: Path) -> None:
    paths = write_groups(tmp_path, groups())

    done = run(promtool, "check", "rules", *paths)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("SUCCESS") == 5


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_alerts_fire_and_keep_silent_as_the_cases_say(
    promtool: str, tmp_path: Path, table: Path
) -> None:
    write_groups(tmp_path, [without_texts(group) for group in groups()])
    tmp_path.joinpath(table.name).write_text(table.read_text())

    done = run(promtool, "test", "rules", tmp_path / table.name)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_of_rules_is_part_of_the_component(component: list[Document]) -> None:
    rendered = [document.body for document in component if document.kind == "PrometheusRule"]

    assert [group for body in rendered for group in body["spec"]["groups"]] == groups()


def test_every_alert_has_a_case_that_fires_and_one_just_below() -> None:
    assert alerts_in("fires") == NAMES
    assert alerts_in("below") == NAMES


@pytest.mark.parametrize("kind", ["no data", "scaled to zero", "reset"])
def test_all_alerts_are_watched_where_none_may_fire(kind: str) -> None:
    (case,) = [case for case in table("silent") if case["name"].startswith(kind)]
    (watch,) = case["promql_expr_test"]

    assert watch["expr"] == (
        'count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[3h]))'
    )
    assert all(BLIND in sample["labels"] for sample in watch.get("exp_samples", []))


def test_every_counter_that_an_alert_reads_is_reset_in_a_case() -> None:
    (case,) = [case for case in table("silent") if case["name"].startswith("reset")]
    reset = {series["series"].partition("{")[0] for series in case["input_series"]}
    read = {
        name for group in groups() for rule in group["rules"] for name in metrics_of(rule["expr"])
    }

    assert {name for name in read if COUNTERS.fullmatch(name)} <= reset


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_where_it_is_written_what_to_do(
    rule: dict[str, Any],
) -> None:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")

    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert page.endswith("/manifests/components/monitoring/README.md")
    assert anchor in headings()


def headings() -> set[str]:
    lines = (COMPONENT / "README.md").read_text().splitlines()
    return {line[3:].lower().replace(" ", "-") for line in lines if line.startswith("## ")}


def alerts_in(kind: str) -> set[str]:
    """Return the alerts that cases of a kind expect: to fire for ``fires``, else to keep silent."""
    cases = [case for case in CASE_LIST if case["name"].startswith(kind)]
    return {
        check["alertname"]
        for case in cases
        for check in case.get("alert_rule_test", [])
        if bool(check.get("exp_alerts")) == (kind == "fires")
    } | {name for case in cases for name in named_in(case)}


def named_in(case: dict[str, Any]) -> set[str]:
    """Return the alerts whose series a case expects to be absent at any time."""
    watched = [check["expr"] for check in case.get("promql_expr_test", [])]
    return set(re.findall(r'ALERTS\{alertname="(\w+)"', " ".join(watched)))


def table(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load((CASES / f"{name}.yaml").read_text())["tests"]
    return loaded


def without_texts(group: dict[str, Any]) -> dict[str, Any]:
    """Return a group for promtool, which compares texts too, at the pace of the cases."""
    rules = [
        {key: value for key, value in rule.items() if key != "annotations"}
        for rule in group["rules"]
    ]
    return {"name": group["name"], "rules": rules}


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command], check=False, capture_output=True, text=True, timeout=60
    )
