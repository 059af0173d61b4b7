"""Client and server side by side."""

from dataclasses import replace

import numpy as np
import pytest

from loadtest.nullserver.golden import NO_INDEX
from loadtest.record import Outcome
from loadtest.selfcheck.pairing import pair
from tests.loadtest.selfcheck.synthetic import US, golden_of, measured_of, shuffled


def test_requests_are_matched_by_index_whatever_their_order() -> None:
    golden = golden_of(50)
    pairs = pair(measured_of(golden, 7 * US), shuffled(golden))
    assert set(pairs.client_first - pairs.server_first) == {7 * US}


def test_gaps_are_matched_chunk_by_chunk() -> None:
    golden = golden_of(50)
    late_ns = np.array([0, 3, 1, 8]) * US
    pairs = pair(measured_of(golden, late_ns), shuffled(golden))
    differences = (pairs.client_gaps - pairs.server_gaps).reshape(50, 3)
    assert np.unique(differences, axis=0).tolist() == [[3 * US, -2 * US, 7 * US]]


def test_a_request_that_did_not_end_well_is_left_out() -> None:
    golden = golden_of(5)
    measured = measured_of(golden)
    measured.records["outcome"][2] = Outcome.RESET
    assert len(pair(measured, golden).client_first) == 4


def test_requests_of_others_are_left_out() -> None:
    golden = golden_of(5)
    measured = measured_of(golden)
    golden.index[3] = NO_INDEX
    assert len(pair(measured, golden).client_first) == 4


@pytest.mark.parametrize("num_chunks", [3, 5])
def test_an_answer_of_other_chunks_than_the_server_sent_is_left_out(num_chunks: int) -> None:
    golden = golden_of(5)
    counts = golden.num_chunks.copy()
    counts[4] = num_chunks
    pairs = pair(measured_of(golden), replace(golden, num_chunks=counts))
    assert len(pairs.client_first) == 4


def test_sides_that_have_nothing_in_common_give_no_pairs() -> None:
    golden = golden_of(5)
    pairs = pair(measured_of(golden), replace(golden, index=golden.index + 100))
    assert len(pairs.client_first) == len(pairs.server_gaps) == 0
