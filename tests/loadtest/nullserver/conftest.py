"""Null servers that several tests ask."""

from collections.abc import Iterator

import pytest

from tests.loadtest.null_servers import NullServer, null_server


@pytest.fixture(scope="session")
def prompt_server() -> Iterator[NullServer]:
    """Answers at once, three chunks of two tokens each."""
    with null_server("--chunks=3", "--tokens-per-chunk=2") as started:
        yield started


@pytest.fixture
def faulty_server() -> Iterator[NullServer]:
    """Fails the third of three requests, breaks the second, cuts the fifth."""
    flags = ("--error-every=3", "--reset-every=2", "--truncate-every=5")
    with null_server("--chunks=4", "--gap=1ms", *flags) as started:
        yield started
