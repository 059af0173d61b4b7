"""When the client, and not the server, was the limit."""

import pytest

from loadtest.analysis.saturation import judge_saturation
from loadtest.report.schema import Saturation


def judged(**changes: object) -> Saturation:
    """Return the judgement of a client that kept up but for the changes."""
    kept_up: dict[str, object] = {
        "num_late": 10,
        "num_taken_up": 1000,
        "num_not_sent": 0,
        "is_interrupted": False,
        "lateness_limit_s": 0.01,
        "cpu_ratios": [0.5, 0.94],
        "busy_p99_s": 0.01,
        "busy_most_s": 5.0,
    }
    return judge_saturation(**{**kept_up, **changes})  # type: ignore[arg-type]


def test_client_at_each_limit_has_kept_up() -> None:
    found = judged()

    assert (found.is_saturated, found.reasons, found.late_share) == (False, [], 0.01)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_late": 11}, "1.1% of requests (11 of 1000) were taken up more than 10 ms late"),
        ({"num_not_sent": 1}, "1 requests were due and not sent"),
        ({"cpu_ratios": [0.5, 0.951]}, "Worker 1 used 95% of a core"),
        ({"busy_p99_s": 0.0123}, "sockets unread for 12.3 ms"),
    ],
    ids=["late", "not-sent", "cpu", "busy"],
)
def test_client_over_a_limit_is_saturated_and_says_by_how_much(
    changes: dict[str, object], said: str
) -> None:
    found = judged(**changes)

    assert found.is_saturated
    assert len(found.reasons) == 1
    assert said in found.reasons[0]


def test_requests_that_ctrl_c_kept_from_being_sent_do_not_saturate() -> None:
    assert not judged(num_not_sent=500, is_interrupted=True).is_saturated


def test_client_that_took_nothing_up_is_not_late() -> None:
    assert judged(num_late=0, num_taken_up=0).late_share == 0
