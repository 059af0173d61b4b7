"""How many requests a proof needs, as it is said beforehand."""

import pytest

from canary.judgement.needed import requests_needed
from canary.judgement.verdict import Verdict
from canary.policies import MetricPolicy
from canary.samples import Count
from tests.canary.judgement.intervals import ERRORS, after, arm, num_until, plan_of


@pytest.mark.parametrize("percent", [5, 50], ids=["5-percent", "50-percent"])
def test_about_as_many_requests_prove_it_as_were_said(percent):
    plan = plan_of(errors=MetricPolicy())
    said = requests_needed(plan, (ERRORS,), {"errors": Count(200, 10_000)}, percent)["errors"]
    canary, stable = (round(20_000 * part / 100) for part in (percent, 100 - percent))
    pair = (arm(canary // 10, errors=canary // 500), arm(stable // 10, errors=stable // 500))
    evidence = after(plan, [], (ERRORS,))
    seen = num_until(Verdict.PROMOTE, evidence, pair, plan, (ERRORS,)) * (canary // 10)
    assert said == pytest.approx(seen, rel=0.6)


@pytest.mark.parametrize(
    ("policy", "stable"),
    [
        pytest.param(MetricPolicy(cap=0.02, margin=1.01), Count(20, 1000), id="at-the-cap"),
        pytest.param(MetricPolicy(), Count(0, 1000), id="no-cap-and-no-errors"),
        pytest.param(MetricPolicy(), None, id="not-counted-yet"),
    ],
)
def test_what_cannot_be_proven_needs_no_number_of_requests(policy, stable):
    counts = {} if stable is None else {"errors": stable}
    assert requests_needed(plan_of(errors=policy), (ERRORS,), counts, 50) == {"errors": None}
