"""What the driver asks of a protocol's client."""

from typing import Protocol

from loadtest.exchange import Exchange
from loadtest.record import Outcome


class Client(Protocol):
    """Carries exchanges over connections that it opens as it needs them, within its bound."""

    num_opened: int
    num_open: int
    most_open: int

    def has_place(self) -> bool:
        """Whether ``start`` may be called now: a connection is free or may be opened."""
        ...

    def start(self, exchange: Exchange) -> None:
        """Send it; its ``on_done`` is called exactly once, never within this call."""
        ...

    def cancel(self, exchange: Exchange, now: int, outcome: Outcome, detail: str) -> None:
        """End it with that outcome and let the server know, by a reset or a closed connection."""
        ...

    def close(self) -> None:
        """Close every connection; exchanges under way must have been cancelled."""
        ...
