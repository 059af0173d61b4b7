"""When a warm-up is over."""

import pytest

from canary.gate.steady import is_steady


@pytest.mark.parametrize(
    ("ttfts_s", "expected"),
    [
        pytest.param([0.1] * 9, False, id="too few"),
        pytest.param([0.1] * 10, True, id="flat"),
        pytest.param([9.0, *[0.1] * 10], True, id="cold once"),
        pytest.param([1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1], False, id="falling"),
        pytest.param([0.1] * 5 + [0.2] * 5, True, id="rising, which is no warm-up"),
        pytest.param([0.2] * 5 + [0.1] * 5, False, id="fell at once"),
        pytest.param([0.3, 0.1, 0.3, 0.1, 0.3, 0.1, 0.3, 0.1, 0.3, 0.1], True, id="noisy"),
        pytest.param([0.1] * 7 + [5.0] + [0.1] * 2, True, id="one late answer"),
        pytest.param([0.12] * 5 + [0.1] * 5, True, id="within a quarter"),
    ],
)
def test_times_are_steady_once_they_no_longer_fall(ttfts_s: list[float], expected: bool) -> None:
    assert is_steady(ttfts_s) is expected
