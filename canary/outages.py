"""How long a cluster that does not answer is borne."""

from collections.abc import Callable

from canary.errors import Conflict, Unreachable

# Between two looks at a cluster that does not answer, and at one that has changed meanwhile.
_BEAR_S = 5.0
_AGAIN_S = 0.5


class Outages:
    """Waits while the cluster does not answer, for a limit in seconds since it last did.

    ``warn`` hears of the first silence in a row, and of its end.
    """

    def __init__(
        self,
        sleep: Callable[[float], None],
        monotonic: Callable[[], float],
        warn: Callable[[str], None],
    ) -> None:
        self._sleep = sleep
        self._monotonic = monotonic
        self._warn = warn
        self._answered = monotonic()
        self._is_silent = False

    def hear(self) -> None:
        """Begin to count anew: it has answered."""
        self._answered = self._monotonic()
        if self._is_silent:
            self._is_silent = False
            self._warn("the cluster answers again; the rollout goes on")

    def bear(self, error: Unreachable, limit_s: float) -> None:
        """Wait until it may be asked again; raises the error beyond the limit."""
        silent_s = self._monotonic() - self._answered
        if silent_s > limit_s:
            raise error
        if not self._is_silent:
            self._is_silent = True
            self._warn(f"{error}; it is asked again for {limit_s:g} s")
        # No sooner than it wants to be asked, and once more before it is given up.
        self._sleep(max(_BEAR_S, min(error.retry_after_s, limit_s - silent_s)))

    def bear_conflict(self, error: Conflict, limit_s: float) -> None:
        """Wait a moment; raises Unreachable where conflicts alone come beyond the limit."""
        # A quota answers so, too: for as long as it likes.
        if self._monotonic() - self._answered > limit_s:
            raise Unreachable(f"the cluster answers with conflicts alone: {error}")
        self._sleep(_AGAIN_S)
