"""A real Prometheus, set up by our PodMonitor and rules, before a real predictor."""

import json
from typing import Any

import pytest
import yaml

from tests.manifests.monitoring.prometheus import Prometheus
from tests.manifests.monitoring.rules import COMPONENT, groups

REVISIONS = {"r1-predictor-00007", "r1-predictor-00008"}
DASHBOARD = json.loads(
    yaml.safe_load((COMPONENT / "configmap-dashboard.yaml").read_text())["data"]["r1.json"]
)
QUERIES = [
    (panel["title"], target["expr"])
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", [])
]
RECORDS = [rule["record"] for group in groups() for rule in group["rules"] if "record" in rule]

# Nothing has broken off: the load's streams fail before their first part.
NOT_YET = {"r1:truncated_streams:increase15m"}


def test_series_carry_their_pod_and_revision_and_no_other_name_for_it(
    prometheus: Prometheus,
) -> None:
    samples = prometheus.wait_for_all(lambda: prometheus.query("r1_build_info"), len(REVISIONS))
    labels = [sample["metric"] for sample in samples]

    assert {label["revision"] for label in labels} == REVISIONS
    assert {(label["job"], label["namespace"], label["service"]) for label in labels} == {
        ("r1/r1-predictor", "r1", "r1-predictor")
    }
    assert {label["pod"] for label in labels} == {f"{name}-deployment-x" for name in REVISIONS}
    assert all("exported_revision" not in label for label in labels)


@pytest.mark.parametrize(
    "selector",
    [
        '{__name__=~"python_.*|request_.*"}',
        'gen_ai_server_request_duration_seconds_bucket{route=~"live|ready|model_ready|metrics"}',
        '{__name__=~"http_server_.*|kn_serving_queue_.*"}',
        '{otel_scope_name!=""}',
    ],
    ids=[
        "Python's and kserve's own",
        "probes' buckets",
        "what queue-proxy has beside durations",
        "scopes",
    ],
)
def test_series_that_nobody_reads_are_not_stored(prometheus: Prometheus, selector: str) -> None:
    prometheus.wait_for_all(lambda: prometheus.query("up == 1"), 5)

    assert prometheus.query(f"count({selector})") == []


def test_a_pod_asked_in_every_way_stays_far_below_the_limits(prometheus: Prometheus) -> None:
    prometheus.wait_for(lambda: prometheus.query("r1:requests:increase5m") != [])
    # A scrape that took too long has none.
    (most,) = prometheus.query("max(max_over_time(scrape_samples_post_metric_relabeling[5m]))")

    assert 100 < float(most["value"][1]) < 1000


def test_every_rule_is_evaluated_without_an_error(prometheus: Prometheus) -> None:
    def rules() -> list[dict[str, Any]]:
        return [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]

    prometheus.wait_for(lambda: all(rule["health"] != "unknown" for rule in rules()))

    assert [
        (rule["name"], rule.get("lastError")) for rule in rules() if rule["health"] != "ok"
    ] == []


@pytest.mark.parametrize("record", [name for name in RECORDS if name not in NOT_YET])
def test_a_recorded_series_has_data(prometheus: Prometheus, record: str) -> None:
    prometheus.wait_for(lambda: prometheus.query(record) != [])


@pytest.mark.parametrize(
    "expr", [pytest.param(expr, id=f"{i}-{title}") for i, (title, expr) in enumerate(QUERIES)]
)
def test_a_panel_of_the_dashboard_has_data(prometheus: Prometheus, expr: str) -> None:
    query = expr.replace("$__rate_interval", "8s").replace("$revision", ".*")
    prometheus.wait_for(lambda: prometheus.query(query) != [])


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("R1ErrorBudgetBurnsFast", [{}]),
        ("R1RevisionFails", [{"revision": name} for name in sorted(REVISIONS)]),
        ("R1ManyErrors", [{}]),
    ],
)
def test_an_alert_fires_on_requests_that_fail(
    prometheus: Prometheus, name: str, labels: list[dict[str, str]]
) -> None:
    def firing() -> list[dict[str, Any]]:
        alerts = prometheus.get("alerts")["alerts"]
        return [a for a in alerts if a["labels"]["alertname"] == name and a["state"] == "firing"]

    found = prometheus.wait_for_all(firing, len(labels))

    told = sorted(found, key=lambda alert: alert["labels"].get("revision", ""))
    for alert, expected in zip(told, labels, strict=True):
        assert expected.items() <= alert["labels"].items()
        assert alert["annotations"]["runbook_url"].endswith("#errors")
        assert "%!" not in alert["annotations"]["description"]
        assert "<no value>" not in alert["annotations"]["summary"]


def test_what_is_well_raises_no_alarm(prometheus: Prometheus) -> None:
    well = {
        "R1ErrorBudgetBurnsFast",
        "R1ErrorBudgetBurnsSlowly",
        "R1RevisionFails",
        "R1ManyErrors",
        # The load asks for four tokens.
        "R1AnswersCutAtLength",
    }

    def raised() -> set[str]:
        return {sample["metric"]["alertname"] for sample in prometheus.query("ALERTS")}

    # What a scrape that took too long has made pending is over with the next.
    prometheus.wait_for(lambda: "R1ManyErrors" in raised() <= well)
