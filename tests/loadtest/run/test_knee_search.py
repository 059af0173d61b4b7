"""How long the stages of a knee search are."""

import pytest

from loadtest.config import RunConfig
from loadtest.run.knee_search import least_seconds, stage_config


@pytest.mark.parametrize(
    ("gates", "seconds"),
    [
        (("p99_ttft<100ms",), 5.0),
        (("p99_ttft<100ms", "p80_e2e<2s"), 20.0),
        (("error_rate<1%",), 5.0),
    ],
    ids=["short", "longest", "share"],
)
def test_a_stage_lasts_until_an_overload_shows(gates: tuple[str, ...], seconds: float) -> None:
    config = RunConfig(target="http://127.0.0.1:1", slo=gates)

    assert least_seconds(config) == pytest.approx(seconds)


def test_a_stage_is_a_poisson_run_of_its_rate_with_a_warm_up_and_a_seed_of_its_own() -> None:
    config = RunConfig(target="http://127.0.0.1:1", rate=1, seed=7)

    stage = stage_config(config, 50.0, 8.0, number=3)

    assert (stage.rate, stage.duration_s, stage.warmup, stage.seed) == (50, 10, "2s", 10)
    assert stage.max_requests > 600
