"""What is judged stands in what the predictor exposes."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from canary.metrics import ended_requests, le_label, shares_of
from canary.plan import RolloutPlan
from canary.policies import CustomMetric, MetricPolicy, Metrics
from canary.prometheus.selector import Selector
from canary.shares import Direction, Share
from predictor.metrics import GENERATING_ROUTES
from predictor.metrics import Metrics as Exposed


def plan(metrics: Metrics) -> RolloutPlan:
    return RolloutPlan(service="r1", namespace="r1", manifest="isvc.yaml", metrics=metrics)


ALL = shares_of(plan(Metrics()))
NONE = {name: None for name in Metrics.model_fields if name != "custom"}


@pytest.fixture(scope="module")
def exposed() -> list[dict[str, str]]:
    """Return the labels of each series of a predictor that has ended one sequence of each kind."""
    metrics = Exposed(CollectorRegistry())
    for reason in ("eos_token", "stop_token", "stop_string", "length"):
        metrics.finish_reasons.labels(reason).inc()
    page = generate_latest(metrics.registry).decode()
    return [
        {"__name__": sample.name, **sample.labels}
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    ]


@pytest.mark.parametrize("share", ALL, ids=lambda share: share.key)
def test_the_predictor_exposes_what_a_share_selects(
    share: Share, exposed: list[dict[str, str]]
) -> None:
    for text in filter(None, (share.total, share.bad, share.good)):
        selector = Selector.parse(text)
        assert any(selector.matches(labels) for labels in exposed), text


def test_every_generating_route_counts_as_a_request(exposed: list[dict[str, str]]) -> None:
    selector = Selector.parse(ended_requests())
    found = {labels["route"] for labels in exposed if selector.matches(labels)}
    assert found == {route for routes in GENERATING_ROUTES.values() for route in routes}


def test_requests_of_clients_that_left_or_asked_wrongly_are_not_errors() -> None:
    (errors,) = [share for share in ALL if share.key == "errors"]
    for outcome, (total, bad) in {
        "ok": (True, False),
        "error": (True, True),
        "unavailable": (True, True),
        "deadline": (True, True),
        "cancelled": (False, False),
        "refused": (False, False),
    }.items():
        labels = {"__name__": "r1_requests_total", "route": "infer", "outcome": outcome}
        assert Selector.parse(errors.total).matches(labels) is total, outcome
        assert Selector.parse(errors.bad or "").matches(labels) is bad, outcome


def test_requests_that_clients_gave_up_are_judged() -> None:
    (cancelled,) = [share for share in ALL if share.key == "cancelled"]
    for outcome, (total, bad) in {
        "ok": (True, False),
        "error": (True, False),
        "cancelled": (True, True),
        "refused": (False, False),
    }.items():
        labels = {"__name__": "r1_requests_total", "route": "infer", "outcome": outcome}
        assert Selector.parse(cancelled.total).matches(labels) is total, outcome
        assert Selector.parse(cancelled.bad or "").matches(labels) is bad, outcome


def test_only_gaps_between_tokens_come_many_a_request() -> None:
    assert {share.metric for share in ALL if share.is_per_token} == {"inter_token"}


def test_keys_are_unique_and_name_their_edge() -> None:
    keys = [share.key for share in ALL]
    assert len(set(keys)) == len(keys)
    assert {"errors", "ttft>0.5s", "inter_token>0.003s", "finish=length"} <= set(keys)
    assert {"longest_gap>0.1s", "longest_gap>5s"} <= set(keys)
    assert {"completion_tokens>256", "tokens_per_second<333.3"} <= set(keys)


def test_what_is_left_out_of_the_plan_is_not_judged() -> None:
    (share,) = shares_of(plan(Metrics(**NONE | {"ttft": MetricPolicy(edges=(1.0,))})))
    name = "gen_ai_server_time_to_first_token_seconds_bucket"
    assert share == Share(
        "ttft>1s",
        "ttft",
        total=f'{name}{{le="+Inf"}}',
        good=f'{name}{{le="1.0"}}',
        depends_on_load=True,
    )


def test_finish_reasons_and_lengths_are_judged_both_ways() -> None:
    either = {share.metric for share in ALL if share.direction is Direction.EITHER}
    assert either == {"finish_reasons", "output_length"}


def test_only_times_depend_on_the_load() -> None:
    loaded = {share.metric for share in ALL if share.depends_on_load}
    assert loaded == {"ttft", "inter_token", "longest_gap", "tokens_per_second"}


def test_a_metric_of_the_users_own_is_judged_by_its_selectors() -> None:
    custom = {"gateway": CustomMetric(total="a_total", bad='a_total{c="5"}', direction="either")}
    assert shares_of(plan(Metrics(**NONE, custom=custom))) == (
        Share("gateway", "gateway", "a_total", bad='a_total{c="5"}', direction=Direction.EITHER),
    )


@pytest.mark.parametrize(
    ("edge", "label"),
    [(0.5, "0.5"), (1.0, "1.0"), (16.0, "16.0"), (0.0075, "0.0075"), (131072.0, "131072.0")],
    ids=str,
)
def test_an_edge_is_written_as_in_the_exposition(edge: float, label: str) -> None:
    assert le_label(edge) == label
