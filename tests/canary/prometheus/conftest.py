"""One Prometheus for a module; each test has a canary of its own."""

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
from tests.canary.prometheus.watch import Watch, read_until, scraped_after
from tests.manifests.monitoring.prometheus import Prometheus

FIRST_PAGE = {OK: 100, ERROR: 1, IN_FLIGHT: 5, FAST: 90, ALL: 100}


@pytest.fixture(scope="module")
def pairs() -> Iterator[dict[str, Pair]]:
    """A pair for each case, and for each test that needs one of its own, by its name.

    Where nothing happens to the stable pod it is that of the pair "untouched".
    """
    with ExitStack() as servers:

        def pod(revision: str) -> Pod:
            return servers.enter_context(serving(Pod(revision, page=FIRST_PAGE)))

        shared = pod("untouched-stable")
        yield {
            name: Pair(
                pod(f"{name}-canary"),
                pod(f"{name}-stable") if name in CASES and CASES[name].stable else shared,
            )
            for name in (*CASES, "untouched", "adjoining", "back")
        }


@pytest.fixture(scope="module")
def prometheus(
    pairs: dict[str, Pair], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is missing: apt-get install prometheus has it")
    pods = {pod.revision: pod for pair in pairs.values() for pod in (pair.canary, pair.stable)}
    with scraping(
        program, tmp_path_factory.mktemp("canary-prometheus"), [*pods.values()]
    ) as prometheus:
        yield prometheus


@pytest.fixture(scope="module")
def reader(prometheus: Prometheus) -> Iterator[PrometheusReader]:
    with closing(PrometheusReader(Settings(url=prometheus.url))) as reader:
        yield reader


@pytest.fixture
def untouched(pairs: dict[str, Pair]) -> Pair:
    """A pair that shows its first page for good."""
    return pairs["untouched"]


@pytest.fixture(scope="module")
def samples(
    prometheus: Prometheus, reader: PrometheusReader, pairs: dict[str, Pair]
) -> dict[str, Sample]:
    """Each case's interval, in which its pods' pages changed."""
    watches = {name: Watch(prometheus, reader, pairs[name]) for name in CASES}
    for name, case in CASES.items():
        case.apply(pairs[name])
    changed = reader.now()
    scraped = read_until(
        prometheus,
        lambda: scraped_after(prometheus, changed),
        lambda times: times.keys() >= {pair.canary.revision for pair in pairs.values()},
    )
    return {name: watch.until_after(max(scraped.values())) for name, watch in watches.items()}
