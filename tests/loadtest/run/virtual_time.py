"""A reactor whose clock stands still while anything is done, and then is at the next timer."""

import pytest

from loadtest.net import reactor
from loadtest.run import driver
from tests.loadtest.run import fake_client


class VirtualReactor(reactor.Reactor):
    """Times are exact, however long the machine takes; there are no sockets in it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.now_ns = 1_000_000_000
        for module in (reactor, driver, fake_client):
            patch.setattr(module, "monotonic_ns", lambda: self.now_ns)

    def _wait(self) -> list[tuple[int, int]]:
        while self.on_idle is not None:
            if not self.on_idle():
                self.on_idle = None
        if not self._deferred:
            self.now_ns = max(self.now_ns, self._timers[0][0])
        return []
