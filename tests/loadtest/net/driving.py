"""Sends exchanges through a real client and waits for their ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import Any

from loadtest.config import RunConfig
from loadtest.exchange import Exchange
from loadtest.net.endpoint import make_endpoint
from loadtest.net.http_client import HttpClient
from loadtest.net.reactor import Reactor
from loadtest.net.tls import make_tls
from loadtest.prompts.prompt import Message, Option, Prompt
from loadtest.wire.make import make_wire

GIVE_UP_NS = 10_000_000_000
SUM = "17+25="


def a_prompt(text: str = SUM, **options: Option) -> Prompt:
    return Prompt((Message("user", text),), {"max_tokens": 64, "temperature": 0} | options)


@dataclass
class Session:
    """A client on its reactor, both of this thread."""

    client: HttpClient
    reactor: Reactor
    wire: Any
    finished: list[Exchange] = field(default_factory=list)
    num_started: int = 0

    def start(self, prompt: Prompt) -> Exchange:
        index = self.num_started
        self.num_started += 1
        body = self.wire.encode(prompt, f"test-{index}")
        exchange = Exchange(
            index, prompt, body, self.wire, monotonic_ns(), self.finish, keep_text=True
        )
        exchange.started = monotonic_ns()
        self.client.start(exchange)
        return exchange

    def ask(self, prompt: Prompt) -> Exchange:
        """Send one and wait for its end."""
        exchange = self.start(prompt)
        self.wait(len(self.finished) + 1)
        return exchange

    def wait(self, num_finished: int) -> None:
        """Run until that many exchanges have ended, or fail after ten seconds."""
        assert len(self.finished) < num_finished
        self.goal = num_finished
        timer = self.reactor.call_at(monotonic_ns() + GIVE_UP_NS, self.reactor.stop)
        self.reactor.run()
        timer.cancel()
        assert len(self.finished) >= num_finished, "the answer did not come within ten seconds"

    def run_until(self, is_so: Callable[[], bool]) -> None:
        """Run until that holds, or fail after ten seconds."""
        give_up_ns = monotonic_ns() + GIVE_UP_NS
        while not is_so():
            assert monotonic_ns() < give_up_ns, "it did not come to be within ten seconds"
            self.run_for(0.001)

    def run_for(self, duration_s: float) -> None:
        self.reactor.call_at(monotonic_ns() + int(duration_s * 1e9), self.reactor.stop)
        self.reactor.run()

    def finish(self, exchange: Exchange) -> None:
        self.finished.append(exchange)
        if len(self.finished) >= self.goal:
            self.reactor.stop()

    goal: int = 1


@contextmanager
def session(target: str, *, max_connections: int = 8, **settings: Any) -> Iterator[Session]:
    """Open a client for a target; ``settings`` are a run's."""
    config = RunConfig(target=target, **settings)
    reactor, wire = Reactor(), make_wire(config)
    tls = make_tls(config, ("http/1.1",))
    client = HttpClient(reactor, make_endpoint(config), wire, max_connections, tls)
    try:
        yield Session(client, reactor, wire)
    finally:
        client.close()
        reactor.close()


def ask(target: str, prompt: Prompt | None = None, **settings: Any) -> Exchange:
    """Send one request over a client of its own and return its exchange."""
    with session(target, **settings) as opened:
        return opened.ask(prompt or a_prompt())
