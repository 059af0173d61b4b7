import json
import math
from dataclasses import replace

import pytest

from canary.errors import InputError
from canary.judgement.criteria import Claim
from canary.judgement.evidence import Evidence, ShareEvidence
from canary.rollout.state import Command, Hold, HoldKind, Live
from canary.rollout.stored import dump, load
from tests.canary.rollout.bench import PLAN, Bench


def rollout():
    """Return a rollout with every field filled in."""
    bench = Bench()
    bench.go(60)
    logs = dict.fromkeys(Claim, (0.1, -math.inf, 1e-300))
    share = ShareEvidence(logs=logs, canary_bad=3, canary_total=1000, stable_total=19_000)
    evidence = Evidence({"ttft>0.5s": share}, 1_700_000_000.123456, 7, 1, "stale")
    return replace(
        bench.rollout,
        evidence=evidence,
        hold=Hold(HoldKind.PAUSED, "a person", 12.5),
        superseded=(Live("target", 5), Live("stable", None)),
        due_since=0.1 + 0.2,
        accepted_drift="defaults_digest is b, was a",
        reason="why",
    )


def test_a_stored_rollout_is_read_back_exactly():
    kept = rollout()
    assert load(dump(kept)) == kept


def test_a_stored_plan_with_long_times_is_read_back_exactly():
    limits = PLAN.limits.model_copy(update={"total": 2_592_000.0, "start": 1234.567})
    kept = replace(rollout(), plan=PLAN.model_copy(update={"limits": limits}))
    assert load(dump(kept)).plan == kept.plan


def test_the_state_names_its_schema():
    assert json.loads(dump(rollout()))["schema"] == 1


@pytest.mark.parametrize("schema", [2, 0, None, "1"])
def test_a_state_of_another_schema_is_refused(schema):
    document = json.loads(dump(rollout())) | {"schema": schema}
    with pytest.raises(InputError, match=f"has schema {schema}, must be 1"):
        load(json.dumps(document))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3"])
def test_what_is_no_state_is_refused(text):
    with pytest.raises(InputError):
        load(text)


def test_a_malformed_state_is_refused_by_its_field():
    document = json.loads(dump(rollout()))
    document["rollout"]["stage"] = "first"
    with pytest.raises(InputError, match=r"malformed at rollout\.stage"):
        load(json.dumps(document))


def test_a_state_with_a_field_of_nobodys_is_refused():
    document = json.loads(dump(rollout()))
    document["rollout"]["colour"] = "red"
    with pytest.raises(InputError, match=r"malformed at rollout\.colour"):
        load(json.dumps(document))


def test_an_older_state_without_the_newer_fields_is_read():
    document = json.loads(dump(rollout()))
    del document["rollout"]["superseded"]
    assert load(json.dumps(document)).superseded == ()


def test_a_state_too_large_for_a_configmap_is_refused():
    kept = rollout()
    target = replace(kept.target, predictor={"args": ["x" * 1_000_000]})
    with pytest.raises(InputError, match="must be at most 921600"):
        dump(replace(kept, target=target))


def test_what_was_stored_is_advanced_like_what_was_not():
    bench = Bench()
    bench.go(15)
    kept = bench.rollout
    following = bench.look(Command.ABORT)
    bench.rollout = load(dump(kept))
    assert bench.look(Command.ABORT) == following
