"""The operator's defaults taken over again whenever their directory changes."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from predictor.defaults import parse_operator_defaults
from predictor.defaults_dir import Snapshot, take_snapshot
from predictor.errors import SettingRefused
from predictor.metrics import Metrics
from predictor.model import LanguageModel

logger = logging.getLogger(__name__)

# The kubelet itself takes up to a minute; to read two small files takes 0.1 ms of a thread.
POLL_S: Final = 0.5


async def watch_defaults(
    directory: str, model: LanguageModel, metrics: Metrics, on_reload: Callable[[], None]
) -> None:
    """Until cancelled, judge each new content once: taken over, or refused in one log line.

    What is refused leaves the defaults as they are, and the next start would fail of it:
    r1_defaults_stale is 1 until it is mended.
    """
    await model.wait_loaded()
    changes = Changes(Snapshot(directory, model.preparation.operator_files))
    while True:
        await asyncio.sleep(POLL_S)
        seen = await asyncio.to_thread(take_snapshot, directory)
        if (due := changes.see(seen)) is not None:
            await _judge(due, model, metrics)
            on_reload()


def report_failure(watching: asyncio.Future[None]) -> None:
    """Log at once what ended the watching: nobody waits for it until the server stops."""
    if not watching.cancelled() and (error := watching.exception()) is not None:
        logger.error("the defaults are no longer watched", exc_info=error)


class Changes:
    """Which of the snapshots seen one after the other are to be judged: each new one, once.

    Files that are edited in place are half written now and then, but not twice the same: a
    snapshot is due when it is seen a second time.
    """

    def __init__(self, in_force: Snapshot) -> None:
        self._judged = self._last = in_force

    def see(self, snapshot: Snapshot) -> Snapshot | None:
        """Return the snapshot where it is due."""
        is_settled, self._last = snapshot == self._last, snapshot
        if not is_settled or snapshot == self._judged:
            return None
        self._judged = snapshot
        return snapshot


async def _judge(snapshot: Snapshot, model: LanguageModel, metrics: Metrics) -> None:
    try:
        await model.preparation.reload(parse_operator_defaults(snapshot))
    except SettingRefused as error:
        logger.error("new defaults refused, the old ones stay: %s", error)
        metrics.defaults_reloads.labels("refused").inc()
        metrics.defaults_stale.set(1)
    else:
        logger.info("new defaults from %s", snapshot.directory)
        metrics.defaults_reloads.labels("ok").inc()
        metrics.defaults_stale.set(0)
