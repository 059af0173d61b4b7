"""The order in which one thread's events happen, and when."""

import socket
from collections.abc import Callable, Iterator
from functools import partial
from time import monotonic_ns

import pytest

from loadtest.net.reactor import READ, Reactor

MS = 1_000_000


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    made = Reactor()
    yield made
    made.close()


@pytest.fixture
def ready() -> Iterator[Callable[[], socket.socket]]:
    """Make sockets that have a byte to read."""
    opened: list[socket.socket] = []

    def make() -> socket.socket:
        ours, theirs = socket.socketpair()
        opened.extend((ours, theirs))
        theirs.send(b"x")
        return ours

    yield make
    for sock in opened:
        sock.close()


def test_timers_run_in_order_of_time_and_equal_ones_as_given(reactor: Reactor) -> None:
    now = monotonic_ns()
    order: list[str] = []
    reactor.call_at(now + 3 * MS, reactor.stop)
    reactor.call_at(now + 2 * MS, partial(order.append, "third"))
    reactor.call_at(now + MS, partial(order.append, "first"))
    reactor.call_at(now + MS, partial(order.append, "second"))
    reactor.run()
    assert order == ["first", "second", "third"]


def test_a_timer_never_runs_early(reactor: Reactor) -> None:
    due = [monotonic_ns() + step * 100_000 for step in range(50)]
    early: list[int] = []
    for when in due:
        reactor.call_at(when, lambda when=when: early.append(min(0, monotonic_ns() - when)))
    reactor.call_at(due[-1], reactor.stop)
    reactor.run()
    assert early == [0] * 50


def test_a_timer_whose_time_is_past_runs_at_once(reactor: Reactor) -> None:
    reactor.call_at(1, reactor.stop)
    began = monotonic_ns()
    reactor.run()
    assert monotonic_ns() - began < 10_000 * MS


def test_a_cancelled_timer_does_not_run(reactor: Reactor) -> None:
    ran: list[str] = []
    now = monotonic_ns()
    reactor.call_at(now + MS, partial(ran.append, "cancelled")).cancel()
    reactor.call_at(now + 2 * MS, reactor.stop)
    reactor.run()
    assert ran == []


def test_everything_ready_is_read_before_due_timers_and_those_before_anything_is_parsed(
    reactor: Reactor, ready: Callable[[], socket.socket]
) -> None:
    order: list[str] = []
    due = monotonic_ns()

    def on_ready(sock: socket.socket, _: int) -> None:
        sock.recv(1)
        order.append("read")
        reactor.defer(partial(order.append, "parsed"))

    for sock in (ready(), ready()):
        reactor.watch(sock.fileno(), READ, partial(on_ready, sock))
    reactor.call_at(due, partial(order.append, "sent"))
    reactor.call_at(due, lambda: reactor.defer(reactor.stop))
    reactor.run()
    assert order == ["read", "read", "sent", "parsed", "parsed"]


def test_a_timer_that_falls_due_while_parsing_runs_between_two_pieces(reactor: Reactor) -> None:
    order: list[str] = []

    def parse() -> None:
        order.append("parsed")
        reactor.call_at(monotonic_ns(), partial(order.append, "sent"))

    reactor.defer(parse)
    reactor.defer(parse)
    reactor.defer(reactor.stop)
    reactor.call_at(1, lambda: None)
    reactor.run()
    assert order == ["parsed", "sent", "parsed", "sent"]


def test_a_socket_that_another_callback_closes_is_told_no_more(
    reactor: Reactor, ready: Callable[[], socket.socket]
) -> None:
    told: list[int] = []
    socks = [ready(), ready()]

    def on_ready(number: int, _: int) -> None:
        told.append(number)
        for sock in socks:
            reactor.unwatch(sock.fileno())
        reactor.stop()

    for number, sock in enumerate(socks):
        reactor.watch(sock.fileno(), READ, partial(on_ready, number))
    reactor.run()
    assert len(told) == 1


def test_idle_work_is_done_until_none_is_left(reactor: Reactor) -> None:
    work = [1, 2, 3]
    done: list[int] = []
    ours, theirs = socket.socketpair()

    def work_a_little() -> bool:
        done.append(work.pop())
        if not work:
            theirs.send(b"x")
        return bool(work)

    reactor.on_idle = work_a_little
    reactor.watch(ours.fileno(), READ, lambda _: reactor.stop())
    with ours, theirs:
        reactor.run()
    assert done == [3, 2, 1]
    assert reactor.on_idle is None


def test_no_idle_work_is_begun_right_before_a_timer(reactor: Reactor) -> None:
    begun: list[int] = []

    def work() -> bool:
        begun.append(monotonic_ns())
        return True

    reactor.on_idle = work
    # Idle work begins only 0.3 ms before it or earlier.
    reactor.call_at(monotonic_ns() + 200_000, reactor.stop)
    reactor.run()
    assert begun == []


def test_a_busy_spell_is_counted_by_its_length(reactor: Reactor) -> None:
    def work() -> None:
        until = monotonic_ns() + 5 * MS
        while monotonic_ns() < until:
            pass
        reactor.stop()

    reactor.call_at(1, work)
    reactor.run()
    assert sum(reactor.busy_counts) == sum(reactor.busy_counts[50:]) == 1
    assert reactor.busy_most_ns >= 5 * MS


def test_what_was_deferred_before_the_loop_is_done_without_any_event(reactor: Reactor) -> None:
    reactor.defer(reactor.stop)
    began = monotonic_ns()
    reactor.run()
    assert monotonic_ns() - began < 10_000 * MS
