"""Fixtures shared by the engine's tests."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Poll what nothing announces; fails after 30 s."""

    async def poll(is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not is_so():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    return poll
