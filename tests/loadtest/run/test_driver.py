"""The driver and a client without sockets, on a clock of the tests' own."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtest.config import RunConfig
from loadtest.net.reactor import Reactor
from loadtest.prompts.source import make_source
from loadtest.record import Correctness, Outcome
from loadtest.records.merge import merge
from loadtest.records.store import Writer
from loadtest.records.stored import Rows, Stored
from loadtest.run.driver import Driver
from loadtest.run.pace import Share
from loadtest.run.recorder import Recorder
from loadtest.wire.make import make_wire
from tests.loadtest.run.fake_client import MS, FakeClient, call_in
from tests.loadtest.run.virtual_time import VirtualReactor

Drive = Callable[..., Rows]


@pytest.fixture
def reactor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reactor]:
    reactor = VirtualReactor(monkeypatch)
    yield reactor
    reactor.close()


@pytest.fixture
def real_reactor() -> Iterator[Reactor]:
    reactor = Reactor()
    yield reactor
    reactor.close()


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    """Run one worker to its end and return its records; ``during`` is called at the start."""

    def drive(
        client: FakeClient,
        during: Callable[[Driver], None] = lambda driver: None,
        **settings: Any,
    ) -> Rows:
        config = RunConfig(target="http://127.0.0.1:1", **settings)
        reactor = client.reactor
        epoch_ns = client.now_ns()
        recorder = Recorder(Writer(tmp_path, 0, epoch_ns), None)
        driver = Driver(
            config,
            Share(0, 1),
            "run",
            reactor=reactor,
            client=client,
            source=make_source(config),
            wire=make_wire(config),
            recorder=recorder,
            on_finished=reactor.stop,
        )
        during(driver)
        driver.begin(epoch_ns)
        reactor.run()
        recorder.close()
        merge(tmp_path, 1)
        return np.concatenate([rows for rows, _ in Stored(tmp_path).chunks()])

    return drive


def outcomes(rows: Rows) -> set[Outcome]:
    return {Outcome(outcome) for outcome in np.unique(rows["outcome"])}


def test_every_arrival_of_an_open_loop_is_sent_at_its_time(reactor: Reactor, drive: Drive) -> None:
    rows = drive(FakeClient(reactor), arrivals="constant", rate=200, duration_s=0.2)

    assert rows["scheduled"].tolist() == [number * 5 * MS for number in range(40)]
    assert rows["started"].tolist() == rows["scheduled"].tolist()
    assert outcomes(rows) == {Outcome.OK}


@pytest.mark.timing
def test_on_a_real_clock_arrivals_are_sent_within_two_milliseconds(
    real_reactor: Reactor, drive: Drive
) -> None:
    rows = drive(FakeClient(real_reactor), arrivals="constant", rate=200, duration_s=0.2)

    assert (rows["started"] >= rows["scheduled"]).all()
    assert np.median(rows["started"] - rows["scheduled"]) < 2 * MS


def test_a_slow_server_delays_no_arrival(reactor: Reactor, drive: Drive) -> None:
    client = FakeClient(reactor, answer_ms=150)

    rows = drive(client, arrivals="constant", rate=200, duration_s=0.1)

    assert client.most_open == 20
    assert rows["started"].tolist() == rows["scheduled"].tolist()


def test_what_waits_for_a_connection_is_late(reactor: Reactor, drive: Drive) -> None:
    client = FakeClient(reactor, num_places=1, answer_ms=20)

    rows = drive(client, arrivals="constant", rate=100, duration_s=0.05)

    assert len(rows) == 5
    # Each takes 20 ms and one comes every 10: the fifth waits for four times ten.
    assert rows["started"][4] - rows["scheduled"][4] == 40 * MS


def test_a_closed_loop_keeps_its_number_under_way(reactor: Reactor, drive: Drive) -> None:
    client = FakeClient(reactor, answer_ms=5)

    rows = drive(client, arrivals="closed", concurrency=3, max_requests=30)

    assert client.most_open == 3
    assert len(rows) == 30
    assert rows["index"].tolist() == list(range(30))


def test_a_closed_loop_ends_with_its_duration(reactor: Reactor, drive: Drive) -> None:
    rows = drive(FakeClient(reactor), arrivals="closed", concurrency=2, duration_s=0.1)

    # Two every millisecond.
    assert len(rows) == 200
    assert (rows["scheduled"] < 100 * MS).all()


def test_a_request_without_an_end_times_out(reactor: Reactor, drive: Drive) -> None:
    client = FakeClient(reactor, answer_ms=None)

    rows = drive(client, arrivals="constant", rate=100, duration_s=0.05, timeout_s=0.1)

    assert outcomes(rows) == {Outcome.TIMEOUT}
    assert set(rows["finished"] - rows["scheduled"]) == {100 * MS}


def test_a_request_that_never_had_a_connection_is_not_sent(reactor: Reactor, drive: Drive) -> None:
    client = FakeClient(reactor, num_places=0)

    rows = drive(client, arrivals="constant", rate=100, duration_s=0.05, timeout_s=0.1)

    assert rows["outcome"].tolist() == [Outcome.NOT_SENT] * 5


def test_what_the_drain_does_not_await_is_unfinished(reactor: Reactor, drive: Drive) -> None:
    client = FakeClient(reactor, answer_ms=None)

    rows = drive(client, arrivals="constant", rate=100, duration_s=0.05, drain_s=0.05)

    assert outcomes(rows) == {Outcome.UNFINISHED}


def test_stopping_sends_nothing_more_and_awaits_the_answers(reactor: Reactor, drive: Drive) -> None:
    client = FakeClient(reactor, answer_ms=50)

    rows = drive(
        client,
        during=lambda driver: call_in(reactor, 32, driver.stop_sending),
        arrivals="constant",
        rate=100,
        duration_s=60,
    )

    assert len(rows) == 4
    assert outcomes(rows) == {Outcome.OK}


def test_cutting_off_ends_at_once(reactor: Reactor, drive: Drive) -> None:
    client = FakeClient(reactor, num_places=2, answer_ms=None)

    rows = drive(
        client,
        during=lambda driver: call_in(reactor, 35, driver.cut_off),
        arrivals="constant",
        rate=100,
        duration_s=60,
    )

    unfinished, not_sent = Outcome.UNFINISHED, Outcome.NOT_SENT
    assert rows["outcome"].tolist() == [unfinished, unfinished, not_sent, not_sent]


def test_turns_follow_the_answers_after_the_thinking_time(reactor: Reactor, drive: Drive) -> None:
    client = FakeClient(reactor, answer_ms=5)

    rows = drive(client, arrivals="constant", rate=20, duration_s=0.1, turns=3, think_time_s=0.01)

    assert rows["index"].tolist() == [0, 1, 2, 3, 4, 5]
    assert rows["turn"].tolist() == [0, 1, 2, 0, 1, 2]
    assert rows["scheduled"][1] == rows["finished"][0] + 10 * MS
    lengths = [len(exchange.prompt.messages) for exchange in client.started]
    assert sorted(lengths) == [1, 1, 3, 3, 5, 5]


def test_turns_count_towards_the_bound_of_requests(reactor: Reactor, drive: Drive) -> None:
    rows = drive(
        FakeClient(reactor), arrivals="constant", rate=100, duration_s=5, turns=4, max_requests=6
    )

    assert len(rows) == 6


def test_answers_are_checked_against_those_expected(reactor: Reactor, drive: Drive) -> None:
    rows = drive(FakeClient(reactor), arrivals="closed", concurrency=1, max_requests=3)

    assert (rows["correctness"] == Correctness.RIGHT).all()


def test_a_closed_loop_ends_though_no_answer_comes(reactor: Reactor, drive: Drive) -> None:
    client = FakeClient(reactor, answer_ms=None)

    rows = drive(client, arrivals="closed", concurrency=2, duration_s=0.05, drain_s=0.05)

    assert rows["outcome"].tolist() == [Outcome.UNFINISHED, Outcome.UNFINISHED]
    assert (rows["finished"] >= 100 * MS).all()


def test_a_closed_loop_does_not_hammer_where_no_server_is(reactor: Reactor, drive: Drive) -> None:
    client = FakeClient(reactor, is_refused=True)

    rows = drive(client, arrivals="closed", concurrency=2, duration_s=0.35)

    # Both at 0 and after 0.1 s, and then the pause is twice as long.
    assert len(rows) == 6
    assert np.diff(rows["scheduled"][::2]).tolist() == [101 * MS, 201 * MS]


def test_who_still_thinks_at_the_end_is_not_waited_for(reactor: Reactor, drive: Drive) -> None:
    client = FakeClient(reactor)
    epoch_ns = client.now_ns()

    rows = drive(
        client,
        during=lambda driver: call_in(reactor, 50, driver.stop_sending),
        arrivals="constant",
        rate=100,
        duration_s=60,
        turns=2,
        think_time_s=10,
    )

    assert set(rows["turn"]) == {0}
    assert client.now_ns() - epoch_ns < 60 * MS


def test_cutting_off_leaves_alone_what_has_just_ended(reactor: Reactor, drive: Drive) -> None:
    client = FakeClient(reactor, answer_ms=None)

    def end_and_cut_off(driver: Driver) -> None:
        exchange = client.under_way.pop()
        exchange.is_complete = True
        exchange.end(client.now_ns())
        driver.cut_off()

    rows = drive(
        client,
        during=lambda driver: call_in(reactor, 15, partial(end_and_cut_off, driver)),
        arrivals="constant",
        rate=1000,
        max_requests=1,
    )

    assert outcomes(rows) == {Outcome.OK}
