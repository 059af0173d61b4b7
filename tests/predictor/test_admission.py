"""Requests get a place or are refused at once."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from predictor.admission import Admission
from predictor.errors import Unavailable


def test_a_request_beyond_the_places_is_refused_until_one_is_free() -> None:
    admission = Admission(2)
    with ExitStack() as two:
        two.enter_context(admission.admit(0))
        two.enter_context(admission.admit(0))
        with pytest.raises(Unavailable, match="full: 2 requests"), admission.admit(0):
            pass

    with admission.admit(0):
        pass


@pytest.mark.parametrize(("num_sequences", "is_full"), [(1, False), (2, True), (3, True)])
def test_the_rows_of_a_batch_fill_places_too(num_sequences: int, is_full: bool) -> None:
    admission = Admission(2)
    with ExitStack() as place:
        if is_full:
            place.enter_context(pytest.raises(Unavailable))
        place.enter_context(admission.admit(num_sequences))


def test_it_is_idle_when_the_last_request_has_gone(
    run_on_a_loop: Callable[..., None],
) -> None:
    async def body() -> None:
        admission = Admission(4)
        with ExitStack() as first:
            first.enter_context(admission.admit(0))
            with admission.admit(0):
                waiting = asyncio.create_task(admission.wait_idle())
            await asyncio.sleep(0)
            assert not waiting.done()
        await waiting

    run_on_a_loop(body)
