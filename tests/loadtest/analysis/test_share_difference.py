"""The difference of two shares, against the published examples."""

import pytest

from loadtest.analysis.share_difference import difference_of_shares


# Newcombe 1998, table II, examples (a), (b), (f) and (h), method 10.
@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param((56, 70), (48, 80), (0.0524, 0.3339), id="a"),
        pytest.param((9, 10), (3, 10), (0.1705, 0.8090), id="b"),
        pytest.param((0, 10), (0, 10), (-0.2775, 0.2775), id="f"),
        pytest.param((10, 10), (0, 10), (0.6075, 1.0), id="h"),
    ],
)
def test_the_interval_is_the_published_one(
    one: tuple[int, int], other: tuple[int, int], expected: tuple[float, float]
) -> None:
    (hits, num), (other_hits, other_num) = one, other
    found = difference_of_shares((other_hits / other_num, other_num), (hits / num, num), 0.95)
    assert found == pytest.approx(expected, abs=1e-4)
