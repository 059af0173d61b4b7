"""The cluster's time, as the API server's ``Date`` headers tell it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

# A Date is cut to whole seconds, and ages on its way.
_SLACK_S: Final = 2.0
_MEAN_CUT_S: Final = 0.5
# For so long, and in so many answers, another time is told before it is believed.
_AGREED_S: Final = 60.0
_NUM_AGREED: Final = 3


@dataclass(frozen=True, slots=True)
class _Rival:
    offset_s: float
    since: float
    num_told: int


class ClusterClock:
    """The first Date's time, and from then on the local monotonic clock's.

    Right to about 2 s, however wrong this machine's clock. Where no second answer has confirmed
    the first, two that agree outvote it. One API server of several whose clock is wrong moves
    nothing from then on: another time is taken once answers have told it alone for 60 s, as they do
    after a machine has slept. Which of two servers is right nobody can tell from here.
    """

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._is_confirmed = False
        self._rival: _Rival | None = None

    def observe(self, date: str, monotonic: float) -> None:
        """Take a Date header that was received at a local monotonic time."""
        try:
            told = parsedate_to_datetime(date).timestamp() + _MEAN_CUT_S
        except ValueError:
            return
        offset_s = told - monotonic
        if self._offset_s is None:
            self._offset_s = offset_s
        elif abs(offset_s - self._offset_s) <= _SLACK_S:
            self._is_confirmed, self._rival = True, None
        else:
            self._hear(offset_s, monotonic)

    def _hear(self, offset_s: float, monotonic: float) -> None:
        rival = self._rival
        if rival is None or abs(offset_s - rival.offset_s) > _SLACK_S:
            self._rival = _Rival(offset_s, monotonic, 1)
            return
        self._rival = rival = replace(rival, num_told=rival.num_told + 1)
        is_lasting = rival.num_told >= _NUM_AGREED and monotonic - rival.since >= _AGREED_S
        # Two have told it by now.
        if is_lasting or not self._is_confirmed:
            self._offset_s, self._is_confirmed, self._rival = offset_s, True, None

    def at(self, monotonic: float) -> float | None:
        """Return Unix seconds at a local monotonic time; None before the first Date."""
        return None if self._offset_s is None else monotonic + self._offset_s


def micro_time(unix_s: float) -> str:
    """Return Kubernetes' MicroTime, in UTC."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
