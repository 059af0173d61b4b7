"""One Prometheus for all of them; each test has a pair of pods of its own."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from canary.plan import Prometheus as Settings
from canary.prometheus import PrometheusReader
from canary.samples import Sample
from tests.canary.prometheus.cases import CASES
from tests.canary.prometheus.exposition import (
    ALL,
    ERROR,
    FAST,
    IN_FLIGHT,
    OK,
    Pair,
    Pod,
    scraping,
    serving,
)
from tests.canary.prometheus.watch import Watch
from tests.manifests.monitoring.prometheus import Prometheus

FIRST_PAGE = {OK: 100, ERROR: 1, IN_FLIGHT: 5, FAST: 90, ALL: 100}


@pytest.fixture(scope="session")
def pairs() -> Iterator[dict[str, Pair]]:
    """A pair for each case, and for each test that needs one of its own, by its name."""
    with ExitStack() as servers:
        yield {
            name: Pair(
                *(
                    servers.enter_context(serving(Pod(f"{name}-{arm}", page=FIRST_PAGE)))
                    for arm in ("canary", "stable")
                )
            )
            for name in (*CASES, "untouched", "adjoining", "back")
        }


@pytest.fixture(scope="session")
def prometheus(
    pairs: dict[str, Pair], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is missing: apt-get install prometheus has it")
    pods = [pod for pair in pairs.values() for pod in (pair.canary, pair.stable)]
    with scraping(program, tmp_path_factory.mktemp("canary-prometheus"), pods) as prometheus:
        yield prometheus


@pytest.fixture(scope="session")
def reader(prometheus: Prometheus) -> Iterator[PrometheusReader]:
    with closing(PrometheusReader(Settings(url=prometheus.url))) as reader:
        yield reader


@pytest.fixture
def untouched(pairs: dict[str, Pair]) -> Pair:
    """A pair that shows its first page for good."""
    return pairs["untouched"]


@pytest.fixture(scope="session")
def samples(
    prometheus: Prometheus, reader: PrometheusReader, pairs: dict[str, Pair]
) -> dict[str, Sample]:
    """Each case's interval, in which its pods' pages changed."""
    watches = {name: Watch(prometheus, reader, pairs[name]) for name in CASES}
    for name, case in CASES.items():
        case.apply(pairs[name])
    # Past the change by what a sample needs to be read.
    return {name: watch.until_after(s=1.5) for name, watch in watches.items()}
