"""Every metric, label and value that rules and dashboard name is one that the predictor exposes."""

import json
import re
from typing import get_args

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from predictor.engine.sequence import FinishReason
from predictor.metrics import GENERATING_ROUTES, Outcome
from tests.manifests.monitoring.rules import COMPONENT, Matcher, groups, matchers_of, metrics_of
from tests.predictor.server.conftest import Predictor

# queue-proxy's, kube-state-metrics', DCGM's exporter's and Istio's; Prometheus' own.
NOT_OURS = re.compile(
    r"kn_serving_invocation_duration_seconds_count"
    r"|kube_(namespace_created|pod_(created|deletion_timestamp|status_ready)"
    r"|pod_container_status_(restarts_total|last_terminated_reason)"
    r"|deployment_(spec_replicas|status_replicas_available))"
    r"|DCGM_FI_DEV_(FB_USED|FB_FREE|GPU_UTIL)"
    r"|istio_requests_total"
    r"|up|scrape_samples_post_metric_relabeling|ALERTS"
)
# Given by the PodMonitor and the operator.
TARGET_LABELS = {"job", "endpoint", "namespace", "pod", "revision", "service"}
# Closed sets of which a short run shows only some.
SETS = {"outcome": set(get_args(Outcome)), "reason": {reason.value for reason in FinishReason}}
# Whoever asks for these generates.
GENERATING = set().union(*GENERATING_ROUTES.values())
ASKED_BY_WATCHERS = {"live", "ready", "model_ready", "metrics", "ServerReady", "ModelReady"}

PANELS = json.loads(
    yaml.safe_load((COMPONENT / "configmap-dashboard.yaml").read_text())["data"]["r1.json"]
)["panels"]
RULES = [rule for group in groups() for rule in group["rules"]]
EXPRS = [rule["expr"] for rule in RULES] + [
    target["expr"] for panel in PANELS for target in panel.get("targets", [])
]
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
OURS = sorted(name for name in set().union(*map(metrics_of, EXPRS)) if not NOT_OURS.fullmatch(name))
MATCHERS = sorted(
    {
        matcher
        for matcher in set().union(*map(matchers_of, EXPRS))
        if matcher.metric in OURS and matcher.label not in TARGET_LABELS
    },
    key=str,
)

Exposed = dict[str, dict[str, set[str]]]


@pytest.fixture(scope="module")
def exposed(asked_predictor: Predictor) -> Exposed:
    """Return the values of every label of every series."""
    text = httpx.get(f"{asked_predictor.url}/metrics", timeout=60).text
    found: Exposed = {}
    for family in text_string_to_metric_families(text):
        # A family without a series yet still has a name.
        found.setdefault(f"{family.name}_total" if family.type == "counter" else family.name, {})
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found


@pytest.mark.parametrize("name", OURS)
def test_a_metric_is_exposed(exposed: Exposed, name: str) -> None:
    assert name in exposed


@pytest.mark.parametrize("matcher", MATCHERS, ids=str)
def test_a_label_and_each_of_its_values_is_exposed(exposed: Exposed, matcher: Matcher) -> None:
    values = exposed[matcher.metric][matcher.label] | SETS.get(matcher.label, set())

    is_regex = matcher.operator.endswith("~")
    patterns = matcher.value.split("|") if is_regex else [re.escape(matcher.value)]

    for pattern in patterns:
        assert any(re.fullmatch(pattern, value) for value in values), pattern


@pytest.mark.parametrize(
    "routes",
    sorted({m.value for m in MATCHERS if m.label == "route" and m.operator == "=~"}),
)
def test_generations_are_all_routes_that_are_counted_and_no_other(
    exposed: Exposed, routes: str
) -> None:
    seen = exposed["r1_requests_total"]["route"]

    assert {route for route in seen if re.fullmatch(routes, route)} == GENERATING
    assert seen - GENERATING == ASKED_BY_WATCHERS


def test_windows_of_the_error_budget_differ_in_their_length_alone() -> None:
    forms = {
        re.sub(r"increase\d+[mhd]|\[\d+[mhd]\]", "", rule["expr"])
        for rule in RULES
        if rule.get("record", "").startswith(("r1:requests:", "r1:requests_failed:"))
    }

    assert len(forms) == 2


def test_a_recorded_name_that_is_asked_for_is_recorded() -> None:
    assert set(re.findall(r"\br1:[a-z0-9_:]+", " ".join(EXPRS))) <= RECORDED


def test_our_failures_are_neither_the_clients_nor_answers() -> None:
    (failures,) = {
        m.value for m in MATCHERS if (m.metric, m.label) == ("r1_requests_total", "outcome")
    }

    assert set(failures.split("|")) == SETS["outcome"] - {"ok", "refused", "cancelled"}
