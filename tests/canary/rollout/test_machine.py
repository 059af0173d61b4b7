import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.canary.rollout.machine import Faults
from tests.canary.rollout.walk import walk

_QUICK = settings(
    max_examples=15,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("first", range(0, 150, 50))
def test_a_run_with_faults_ends_with_one_template_for_all_or_with_a_persons_hold(first):
    for seed in range(first, first + 50):
        walk(seed)


def test_faults_in_any_order_end_as_they_may():
    run_state_machine_as_test(Faults, settings=_QUICK)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_five_thousand_runs_with_faults_end_as_they_may():
    for seed in range(5000):
        walk(seed)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_a_thousand_long_runs_with_faults_in_any_order_end_as_they_may():
    run_state_machine_as_test(
        Faults,
        settings=settings(
            _QUICK, max_examples=1000, stateful_step_count=40, derandomize=False, print_blob=True
        ),
    )
