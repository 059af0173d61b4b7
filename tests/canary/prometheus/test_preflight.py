"""What Prometheus lacks, told before anything is changed."""

from collections.abc import Callable
from contextlib import closing

import pytest

from canary.errors import Unreachable
from canary.plan import Prometheus as Settings
from canary.prometheus import PrometheusReader
from canary.shares import Share
from tests.canary.prometheus.exposition import Pair
from tests.manifests.monitoring.prometheus import Prometheus
from tests.manifests.ports import free_ports

REQUESTS = "r1_requests_total"
NAME = "gen_ai_server_time_to_first_token_seconds_bucket"
ERRORS = Share("errors", "errors", total=REQUESTS, bad=f'{REQUESTS}{{outcome=~"error|deadline"}}')


def test_nothing_is_lacking_where_every_series_is_there(
    reader: PrometheusReader, untouched: Pair
) -> None:
    slow = Share("ttft>0.5s", "ttft", total=f'{NAME}{{le="+Inf"}}', good=f'{NAME}{{le="0.5"}}')
    assert reader.check([ERRORS, slow], untouched.stable.revision, interval_s=30) == []


def test_a_revision_that_is_not_scraped_is_told_with_those_that_are(
    reader: PrometheusReader, untouched: Pair
) -> None:
    (problem,) = reader.check([ERRORS], "r9-00009", interval_s=30)
    lacks, has = problem.split("; ")
    assert lacks == 'Prometheus has no r1_requests_total with revision="r9-00009"'
    assert has.startswith("it has revision adjoining-canary, ")


def test_series_without_the_revision_label_are_told(
    prometheus: Prometheus, untouched: Pair
) -> None:
    settings = Settings(url=prometheus.url, revision_label="version")
    with closing(PrometheusReader(settings)) as reader:
        (problem,) = reader.check([ERRORS], "r1", interval_s=30)
    assert problem.startswith('Prometheus has no r1_requests_total with version="r1"')


@pytest.mark.parametrize(
    ("share", "problem"),
    [
        pytest.param(
            Share("ttft>0.4s", "ttft", total=f'{NAME}{{le="+Inf"}}', good=f'{NAME}{{le="0.4"}}'),
            f"ttft: {NAME} has no bucket edge 0.4; its edges are 0.5, inf",
            id="edge",
        ),
        pytest.param(
            Share("a", "a", total="nothing_total", bad="nothing_total"),
            'a: Prometheus has no nothing_total with revision="{revision}"',
            id="total",
        ),
        pytest.param(
            Share("a", "a", total=REQUESTS, bad="bad_total"),
            'a: Prometheus has no bad_total with revision="{revision}"; a counter begins at 0',
            id="bad counter",
        ),
        pytest.param(
            Share("a", "a", total=REQUESTS, bad=f'{REQUESTS}{{outcom="error"}}'),
            'a: no r1_requests_total with revision="{revision}" has a label outcom',
            id="misspelt label",
        ),
    ],
)
def test_what_a_share_lacks_is_told(
    reader: PrometheusReader, untouched: Pair, share: Share, problem: str
) -> None:
    revision = untouched.stable.revision
    assert reader.check([share], revision, interval_s=30) == [problem.format(revision=revision)]


def test_an_interval_of_less_than_two_scrapes_is_told(
    reader: PrometheusReader, untouched: Pair
) -> None:
    (problem,) = reader.check([ERRORS], untouched.stable.revision, interval_s=0.4)
    assert problem.startswith(
        "judgement.interval is 0.4s, must be at least 2 scrapes of untouched-stable, which come"
    )


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda reader: reader.check([ERRORS], "r1", interval_s=30), id="check"),
        pytest.param(lambda reader: reader.now(), id="now"),
        pytest.param(lambda reader: reader.rate(["r1"], 60), id="rate"),
        pytest.param(lambda reader: reader.defaults_digest(["r1"]), id="digest"),
    ],
)
def test_a_prometheus_that_is_not_there_is_unreachable(
    ask: Callable[[PrometheusReader], object],
) -> None:
    (port,) = free_ports(1)
    settings = Settings(url=f"http://127.0.0.1:{port}")
    with (
        closing(PrometheusReader(settings)) as reader,
        pytest.raises(Unreachable, match=f"127.0.0.1:{port} does not answer: ConnectError"),
    ):
        ask(reader)
