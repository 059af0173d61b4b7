"""Against a real Prometheus that scrapes pods of the tests' own.

It stores what a late scrape brings a moment later, so each reading is repeated until it says what
it must.
"""

from contextlib import closing

import pytest

from canary.plan import Prometheus as Settings
from canary.prometheus import PrometheusReader
from canary.samples import Arm, Count, Gap, Interval, Sample
from canary.shares import Share
from tests.canary.prometheus.exposition import OK, Pair
from tests.canary.prometheus.watch import NAME, SHARES, Watch, is_interval, read_until
from tests.manifests.monitoring.prometheus import Prometheus

NONE_SLOW = Count(0, 0)
REQUESTS = "r1_requests_total"
# The pair of which no test spoils a series.
UNTOUCHED = 'revision=~"untouched-.*"'
ERRORS = Share("errors", "errors", total=REQUESTS, bad=f'{REQUESTS}{{outcome=~"error|deadline"}}')


def test_counters_of_both_revisions_are_told_as_whole_deltas(samples: dict[str, Sample]) -> None:
    sample = interval(samples, "moved")
    assert sample.canary.num_requests == 53
    assert sample.canary.counts == {"errors": Count(3, 53), "ttft>0.5s": Count(40, 50)}
    assert sample.stable == Arm(200, {"errors": Count(0, 200), "ttft>0.5s": NONE_SLOW}, 4.0, 1)
    assert sample.lacks == ""


def test_what_a_revision_has_counted_lately_is_told(
    prometheus: Prometheus,
    samples: dict[str, Sample],
    reader: PrometheusReader,
    pairs: dict[str, Pair],
) -> None:
    start, revision = interval(samples, "moved").start, pairs["moved"].canary.revision
    read_until(
        prometheus,
        lambda: reader.past(SHARES, revision, reader.now() - start),
        lambda told: told == (53, {"errors": Count(3, 53), "ttft>0.5s": Count(40, 50)}),
    )


def test_of_a_revision_that_nobody_scrapes_nothing_is_told(reader: PrometheusReader) -> None:
    assert reader.past(SHARES, "r9-00009", 60.0) == (0, {})


def test_counters_of_a_process_that_began_anew_count_from_0(samples: dict[str, Sample]) -> None:
    assert interval(samples, "restarted").canary.counts["errors"] == Count(3, 10)


def test_a_label_seen_for_the_first_time_counts_from_0(samples: dict[str, Sample]) -> None:
    assert interval(samples, "label").canary.counts["finish=length"] == Count(3, 8)


def test_a_share_whose_series_are_missing_is_left_out(samples: dict[str, Sample]) -> None:
    sample = interval(samples, "missing")
    assert sample.canary.counts == {"errors": Count(0, 0)}
    assert sample.stable.counts == {"errors": Count(0, 0), "ttft>0.5s": NONE_SLOW}


def test_the_scrape_itself_is_not_counted_among_the_requests_in_flight(
    samples: dict[str, Sample],
) -> None:
    assert interval(samples, "label").canary.in_flight == 5 - 1


def test_in_flight_is_unknown_where_no_pod_shows_it_any_more(
    prometheus: Prometheus,
    reader: PrometheusReader,
    pairs: dict[str, Pair],
    samples: dict[str, Sample],
) -> None:
    watch = Watch(prometheus, reader, pairs["no-gauge"])
    sample = watch.until_after(watch.start + 0.5)
    assert isinstance(sample, Interval)
    assert (sample.canary.in_flight, sample.stable.in_flight) == (None, 4)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        pytest.param("nan", "is nan, must be finite", id="nan"),
        pytest.param("infinite", "is inf, must be finite", id="infinite"),
        pytest.param("negative", "is -1, must be finite and at least 0", id="negative"),
        pytest.param("fraction", "went on by 0.5, must count whole events", id="fraction"),
        pytest.param("too-good", "ttft>0.5s has -110 bad of 0 events", id="more good than all"),
    ],
)
def test_a_value_that_is_no_count_of_events_is_a_gap_that_says_it(
    samples: dict[str, Sample], case: str, reason: str
) -> None:
    gap = samples[case]
    assert isinstance(gap, Gap)
    assert reason in gap.reason
    assert gap.end is not None
    assert gap.end > gap.start


def test_adjoining_intervals_count_each_event_once(
    prometheus: Prometheus, reader: PrometheusReader, pairs: dict[str, Pair]
) -> None:
    pair = pairs["adjoining"]
    watch = Watch(prometheus, reader, pair)
    pair.canary.set(**{OK: 110})
    first = watch.until_canary(10)
    pair.canary.set(**{OK: 135})
    watch.until_canary(35)
    second = read_until(prometheus, lambda: watch.read(first.end), is_interval)
    assert isinstance(second, Interval)
    assert (second.start, second.canary.num_requests) == (first.end, 25)


def test_a_pod_that_does_not_answer_is_a_gap_until_it_is_back_and_loses_nothing(
    prometheus: Prometheus, reader: PrometheusReader, pairs: dict[str, Pair]
) -> None:
    pair = pairs["back"]
    watch = Watch(prometheus, reader, pair)
    pair.canary.is_up = False
    gap = watch.until_gap("of back-canary")
    assert gap.reason == "1 of 1 pods of back-canary do not answer Prometheus (up is 0)"
    pair.canary.set(**{OK: 160})
    pair.canary.is_up = True
    assert watch.until_canary(60).stable.num_requests == 0


def test_a_revision_that_prometheus_does_not_know_is_a_gap(
    reader: PrometheusReader, untouched: Pair
) -> None:
    end = reader.now()
    gap = reader.read(SHARES, "r9-00009", untouched.stable.revision, end - 10, end)
    assert gap == Gap(end - 10, end - 10, "Prometheus has no sample of any pod of r9-00009")


def test_samples_too_old_for_the_end_are_a_gap(reader: PrometheusReader, untouched: Pair) -> None:
    end = reader.now() + 30
    names = (untouched.canary.revision, untouched.stable.revision)
    gap = reader.read(SHARES, *names, end - 40, end)
    assert isinstance(gap, Gap)
    assert "s old, may be 3 scrapes of 0.25 s" in gap.reason


def test_a_start_before_the_first_scrape_is_a_gap(
    prometheus: Prometheus, reader: PrometheusReader, untouched: Pair
) -> None:
    watch = Watch(prometheus, reader, untouched)
    watch.start -= 600
    watch.until_gap("no scrape at or before the interval's start")


def test_an_interval_too_short_to_be_stored_is_a_gap(
    reader: PrometheusReader, untouched: Pair
) -> None:
    end = reader.now()
    names = (untouched.canary.revision, untouched.stable.revision)
    gap = reader.read(SHARES, *names, end - 0.1, end)
    assert isinstance(gap, Gap)
    assert gap.reason.startswith("0.1 s have passed since the last interval")


def test_the_requests_of_a_second_are_told_by_the_counters(
    reader: PrometheusReader, pairs: dict[str, Pair], samples: dict[str, Sample]
) -> None:
    rate = reader.rate([pairs["moved"].stable.revision], 60)
    assert rate is not None
    assert 200 / 60 <= rate <= 200
    assert reader.rate(["r9-00009"], 60) is None


def test_digests_of_the_defaults_are_told_by_revision(
    prometheus: Prometheus,
    reader: PrometheusReader,
    pairs: dict[str, Pair],
    samples: dict[str, Sample],
) -> None:
    pair = pairs["digests"]
    names = (pair.canary.revision, pair.stable.revision)
    read_until(
        prometheus,
        lambda: reader.defaults_digest(names),
        lambda digests: digests == {names[0]: "aa", names[1]: "bb"},
    )


def test_further_matchers_narrow_every_query(prometheus: Prometheus, untouched: Pair) -> None:
    names = (untouched.canary.revision, untouched.stable.revision)
    with closing(PrometheusReader(Settings(url=prometheus.url, matchers='job="b",'))) as reader:
        end = reader.now()
        gap = reader.read(SHARES, *names, end - 2, end)
    assert isinstance(gap, Gap)
    assert "no sample of any pod" in gap.reason


def test_nothing_is_lacking_where_every_series_is_there(
    prometheus: Prometheus, reader: PrometheusReader, untouched: Pair
) -> None:
    slow = Share("ttft>0.5s", "ttft", total=f'{NAME}{{le="+Inf"}}', good=f'{NAME}{{le="0.5"}}')
    read_until(
        prometheus,
        lambda: reader.check([ERRORS, slow], untouched.stable.revision, interval_s=30),
        lambda problems: problems == [],
    )


def test_a_revision_that_is_not_scraped_is_told_with_those_that_are(
    prometheus: Prometheus,
) -> None:
    settings = Settings(url=prometheus.url, matchers=UNTOUCHED)
    with closing(PrometheusReader(settings)) as reader:
        (problem,) = reader.check([ERRORS], "r9-00009", interval_s=30)
    assert problem == (
        'Prometheus has no r1_requests_total with revision="r9-00009"; '
        "it has revision untouched-canary, untouched-stable"
    )


def test_series_without_the_revision_label_are_told(prometheus: Prometheus) -> None:
    settings = Settings(url=prometheus.url, revision_label="version", matchers=UNTOUCHED)
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
    prometheus: Prometheus, reader: PrometheusReader, untouched: Pair, share: Share, problem: str
) -> None:
    revision = untouched.stable.revision
    read_until(
        prometheus,
        lambda: reader.check([share], revision, interval_s=30),
        lambda problems: problems == [problem.format(revision=revision)],
    )


def test_an_interval_of_less_than_two_scrapes_is_told(
    prometheus: Prometheus, reader: PrometheusReader, untouched: Pair
) -> None:
    (problem,) = read_until(
        prometheus,
        lambda: reader.check([ERRORS], untouched.stable.revision, interval_s=0.4),
        lambda problems: len(problems) == 1,
    )
    assert problem.startswith(
        "judgement.interval is 0.4s, must be at least 2 scrapes of untouched-stable, which come"
    )


def interval(samples: dict[str, Sample], case: str) -> Interval:
    sample = samples[case]
    assert isinstance(sample, Interval), sample
    return sample
