"""What one interval's series say, or lack; from 1000 to 1030 s, scraped each 10 s."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from canary.prometheus.reading import Reading
from canary.prometheus.series import NotYet, Series, Unreadable
from canary.samples import Count
from canary.shares import Share

TIMES = (990.0, 1000.0, 1010.0, 1020.0, 1030.0)
TTFT = "gen_ai_server_time_to_first_token_seconds_bucket"
SLOW = Share("ttft>0.5s", "ttft", total=f'{TTFT}{{le="+Inf"}}', good=f'{TTFT}{{le="0.5"}}')
CUSTOM = Share("custom", "custom", total="gate_total", bad='gate_total{code="5"}')


def one(
    name: str,
    values: Sequence[float],
    times: Sequence[float] = TIMES,
    *,
    pod: str = "a",
    revision: str = "r2",
    **labels: str,
) -> Series:
    target = {"job": "r1", "instance": pod, "revision": revision}
    return Series({"__name__": name, **target, **labels}, tuple(times), tuple(values))


def requests(values: Sequence[float], times: Sequence[float] = TIMES, *, pod: str = "a") -> Series:
    return one("r1_requests_total", values, times, pod=pod, route="infer", outcome="ok")


def up(
    values: Sequence[float] = (1,) * 5, times: Sequence[float] = TIMES, *, pod: str = "a"
) -> Series:
    return one("up", values, times, pod=pod)


FLAT = (5.0,) * 5
WHOLE = Reading(
    label="revision",
    start=1000.0,
    end=1030.0,
    counters=[requests((1, 2, 3, 4, 5))],
    process_starts=[],
    in_flight=[],
    ups=[up()],
    ups_before=[up((1,), (1000,))],
)
LATE = (1010.0, 1020.0, 1030.0)


def test_requests_are_told_of_all_pods_together() -> None:
    reading = replace(
        WHOLE,
        counters=[requests((1, 2, 3, 4, 5)), requests((0, 0, 5, 5, 9), pod="b")],
        ups=[up(), up(pod="b")],
    )
    assert reading.arm("r2", []).num_requests == 3 + 9


def test_a_pod_that_is_new_counts_from_0() -> None:
    began = one("process_start_time_seconds", (995, 995, 995), LATE, pod="b")
    reading = replace(
        WHOLE,
        counters=[*WHOLE.counters, requests((4, 5, 6), LATE, pod="b")],
        process_starts=[began],
        ups=[up(), up((1, 1, 1), LATE, pod="b")],
    )
    assert reading.arm("r2", []).num_requests == 3 + 6


def test_a_pod_that_was_loading_before_counts_from_0() -> None:
    began = one("process_start_time_seconds", (300, 300, 300), LATE, pod="b")
    reading = replace(
        WHOLE,
        counters=[*WHOLE.counters, requests((4, 5, 6), LATE, pod="b")],
        process_starts=[began],
        ups=[up(), up((0, 0, 1, 1, 1), pod="b")],
        ups_before=[*WHOLE.ups_before, up((0,), (1000,), pod="b")],
    )
    assert reading.arm("r2", []).num_requests == 3 + 6


def test_a_pod_that_ran_before_anybody_scraped_it_is_unreadable() -> None:
    began = one("process_start_time_seconds", (300, 300, 300), LATE, pod="b")
    reading = replace(
        WHOLE,
        counters=[*WHOLE.counters, requests((4000, 5000, 6000), LATE, pod="b")],
        process_starts=[began],
        ups=[up(), up((1, 1, 1), LATE, pod="b")],
    )
    with pytest.raises(Unreadable, match="scraped first after its process had run for 710 s"):
        reading.arm("r2", [])


def test_a_pod_that_refused_scrapes_for_an_hour_is_unreadable() -> None:
    late = (9010.0, 9020.0, 9030.0)
    whole = (8990.0, 9000.0, *late)
    reading = replace(
        WHOLE,
        start=9000.0,
        end=9030.0,
        counters=[requests(FLAT, whole), requests((4, 5, 6), late, pod="b")],
        process_starts=[one("process_start_time_seconds", (300, 300, 300), late, pod="b")],
        ups=[up(times=whole), up((0, 0, 1, 1, 1), whole, pod="b")],
        ups_before=[up((1,), (9000,)), up((0,), (9000,), pod="b")],
    )
    with pytest.raises(Unreadable, match="scraped first after its process had run for 8710 s"):
        reading.arm("r2", [])


def test_a_prometheus_that_has_just_begun_is_unreadable() -> None:
    reading = replace(WHOLE, counters=[requests((4, 5, 6), LATE)], ups=[up((1, 1, 1), LATE)])
    with pytest.raises(Unreadable, match="no scrape at or before the interval's start, 1000"):
        replace(reading, ups_before=[]).arm("r2", [])


def test_a_pod_that_ended_keeps_its_events() -> None:
    ended = (990.0, 1000.0)
    gone = requests((10, 20), ended, pod="b")
    reading = replace(
        WHOLE,
        start=995.0,
        counters=[*WHOLE.counters, gone],
        ups=[up(), up((1, 1), ended, pod="b")],
    )
    assert replace(reading, end=1035.0).arm("r2", []).num_requests == 4 + 10


PARTLY_DOWN = replace(
    WHOLE,
    counters=[*WHOLE.counters, requests((1, 2), (990, 1000), pod="b")],
    ups=[up(), up((1, 1, 0, 0, 0), pod="b")],
)


def test_one_of_two_pods_that_does_not_answer_is_left_out_and_told() -> None:
    arm = PARTLY_DOWN.arm("r2", [])
    assert (arm.num_requests, arm.num_pods) == (3, 1)
    assert PARTLY_DOWN.lacks(["r2"]) == "1 of 2 pods of r2 do not answer Prometheus (up is 0)"


def test_pods_that_all_answer_lack_nothing() -> None:
    assert WHOLE.lacks(["r2"]) == ""
    assert WHOLE.arm("r2", []).num_pods == 1


def test_a_revision_of_which_no_pod_answers_is_unreadable() -> None:
    reading = replace(WHOLE, ups=[up((1, 1, 1, 1, 0))])
    with pytest.raises(NotYet, match="1 of 1 pods of r2 do not answer Prometheus"):
        reading.arm("r2", [])


def test_the_events_of_a_pod_that_answers_again_count_then() -> None:
    reading = replace(
        WHOLE,
        counters=[*WHOLE.counters, requests((1, 9), (990, 1030), pod="b")],
        ups=[up(), up((1, 0, 0, 0, 1), pod="b")],
    )
    assert reading.arm("r2", []).num_requests == 3 + 8


def test_samples_that_end_long_before_the_interval_are_unreadable() -> None:
    with pytest.raises(Unreadable, match="newest sample of pods of r2 is 70 s old, may be 3 scrap"):
        replace(WHOLE, end=1100.0).arm("r2", [])


def test_a_pod_scraped_by_two_jobs_is_unreadable() -> None:
    twice = Series({**requests(FLAT).labels, "job": "b"}, TIMES, FLAT)
    also_up = Series({**up().labels, "job": "b"}, TIMES, (1.0,) * 5)
    reading = replace(WHOLE, counters=[*WHOLE.counters, twice], ups=[up(), also_up])
    with pytest.raises(Unreadable, match="instance a is scraped 2 times, by jobs b, r1"):
        reading.arm("r2", [])


def test_counters_without_up_are_unreadable() -> None:
    with pytest.raises(Unreadable, match="and no up of it"):
        replace(WHOLE, ups=[]).arm("r2", [])


def test_a_revision_without_counters_of_requests_is_unreadable() -> None:
    with pytest.raises(Unreadable, match=r"has no r1_requests_total\{route=.* of r2"):
        replace(WHOLE, counters=[one("other_total", FLAT)]).arm("r2", [])


def test_a_counter_that_is_no_longer_exposed_leaves_its_share_out() -> None:
    gone = one("gate_total", (1, 2), (990, 1000))
    reading = replace(WHOLE, counters=[*WHOLE.counters, gone])
    assert reading.arm("r2", [CUSTOM]).counts == {}


def test_a_value_of_a_label_without_an_event_yet_is_none_bad() -> None:
    total = one("gate_total", (1, 2, 3, 4, 5), code="2")
    reading = replace(WHOLE, counters=[*WHOLE.counters, total])
    assert reading.arm("r2", [CUSTOM]).counts == {"custom": Count(0, 3)}


def test_another_counter_that_is_nowhere_leaves_the_share_out() -> None:
    share = replace(CUSTOM, bad="misspelt_total")
    reading = replace(WHOLE, counters=[*WHOLE.counters, one("gate_total", FLAT)])
    assert reading.arm("r2", [share]).counts == {}


def test_a_bucket_edge_that_only_some_pods_have_leaves_the_share_out() -> None:
    counters = [
        *WHOLE.counters,
        requests(FLAT, pod="b"),
        one(TTFT, FLAT, le="+Inf"),
        one(TTFT, FLAT, le="0.5"),
        one(TTFT, FLAT, pod="b", le="+Inf"),
    ]
    reading = replace(WHOLE, counters=counters, ups=[up(), up(pod="b")])
    assert reading.arm("r2", [SLOW]).counts == {}


def test_more_bad_events_than_events_are_unreadable() -> None:
    share = replace(CUSTOM, bad="bad_total")
    counters = [*WHOLE.counters, one("gate_total", FLAT), one("bad_total", (0, 0, 0, 0, 2))]
    with pytest.raises(Unreadable, match="custom has 2 bad of 0 events"):
        replace(WHOLE, counters=counters).arm("r2", [share])


def test_in_flight_is_averaged_over_scrapes_and_pods_without_the_scrape_itself() -> None:
    reading = replace(
        WHOLE,
        counters=[*WHOLE.counters, requests(FLAT, pod="b")],
        in_flight=[
            one("r1_requests_in_flight", (99, 99, 2, 4, 6), protocol="rest"),
            one("r1_requests_in_flight", (99, 99, 1, 1, 1), protocol="grpc"),
            one("r1_requests_in_flight", (1, 1, 1, 1, 1), pod="b", protocol="rest"),
        ],
        ups=[up(), up(pod="b")],
    )
    assert reading.arm("r2", []).in_flight == ((4 + 1 - 1) + 0) / 2


def test_a_gateway_counts_for_the_revision_its_series_name() -> None:
    gateway = [
        one("gate_total", (1, 2, 3, 4, 5), pod="gw", code="2"),
        one("gate_total", (0, 0, 1, 1, 1), pod="gw", code="5"),
    ]
    shared = Series({"__name__": "up", "job": "r1", "instance": "gw"}, TIMES, (1.0,) * 5)
    reading = replace(WHOLE, counters=[*WHOLE.counters, *gateway], ups=[up(), shared])
    assert reading.arm("r2", [CUSTOM]).counts == {"custom": Count(1, 4)}


def test_a_gateway_that_does_not_answer_is_unreadable() -> None:
    labels = {"__name__": "up", "job": "r1", "instance": "gw"}
    shared = Series(labels, TIMES, (1.0, 1.0, 1.0, 1.0, 0.0))
    counters = [*WHOLE.counters, one("gate_total", FLAT, pod="gw")]
    reading = replace(WHOLE, counters=counters, ups=[up(), shared])
    with pytest.raises(Unreadable, match="1 of 1 targets without a revision do not answer"):
        reading.arm("r2", [CUSTOM])
