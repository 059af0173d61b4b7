"""How workers share one schedule."""

import pytest

from loadtest.config import RunConfig
from loadtest.run.pace import Share, own_times


@pytest.mark.parametrize("num_workers", [1, 2, 3, 7])
@pytest.mark.parametrize("arrivals", ["constant", "poisson"])
def test_workers_share_out_exactly_the_one_schedule(num_workers: int, arrivals: str) -> None:
    config = RunConfig(target="http://127.0.0.1:1", arrivals=arrivals, rate=1000, duration_s=9)

    whole = list(own_times(config, Share(0, 1)))
    shares = [list(own_times(config, Share(worker, num_workers))) for worker in range(num_workers)]

    assert len(whole) > 8000
    assert sorted(arrival for share in shares for arrival in share) == whole


def test_shares_of_a_number_add_up_to_it() -> None:
    assert [Share(worker, 4).of(10) for worker in range(4)] == [3, 3, 2, 2]
