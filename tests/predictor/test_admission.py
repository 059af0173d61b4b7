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
        two.enter_context(admission.admit())
        two.enter_context(admission.admit())
        with pytest.raises(Unavailable, match="full: 2 requests"), admission.admit():
            pass
        with pytest.raises(Unavailable, match="full: 2 requests"):
            admission.check_room()

    with admission.admit():
        pass


@pytest.mark.parametrize(("num_rows", "fits"), [(3, True), (4, False), (1024, False)])
def test_rows_take_places_beside_those_of_others(num_rows: int, fits: bool) -> None:
    admission = Admission(4)
    with admission.admit(), admission.admit(), ExitStack() as rows:
        if not fits:
            rows.enter_context(pytest.raises(Unavailable, match=f"full: {num_rows} rows"))
        rows.enter_context(admission.extend(num_rows))
        with pytest.raises(Unavailable), admission.admit():
            pass


def test_alone_a_request_may_have_more_rows_than_there_are_places() -> None:
    admission = Admission(4)
    with ExitStack() as alone:
        alone.enter_context(admission.admit())
        alone.enter_context(admission.extend(100))
        with pytest.raises(Unavailable), admission.admit():
            pass

    with admission.admit():
        pass


def test_it_is_idle_when_the_last_request_has_gone(
    run_on_a_loop: Callable[..., None],
) -> None:
    async def body() -> None:
        admission = Admission(4)
        with ExitStack() as first:
            first.enter_context(admission.admit())
            with admission.admit():
                waiting = asyncio.create_task(admission.wait_idle())
            await asyncio.sleep(0)
            assert not waiting.done()
        await waiting

    run_on_a_loop(body)
