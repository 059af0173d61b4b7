"""What `run` shows while it runs: a live picture on a terminal, lines anywhere else."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.live import Live

from canary.commands.options import Output
from canary.commands.printing import console, print_json
from canary.judgement.verdict import Judged
from canary.record.entry import Told
from canary.record.status import told_json
from canary.record.view import render, told_line
from canary.rollout.state import Rollout


class View:
    """On stdout: the picture, or each decision as a line of text or JSON.

    A transient picture is gone at the end, for what the caller prints then.
    """

    def __init__(self, output: Output, *, is_transient: bool = False) -> None:
        self._output = output
        self._is_transient = is_transient
        self._console = console()
        self._live: Live | None = None
        self._last: Told | None = None

    def __enter__(self) -> Self:
        if self._output is Output.TEXT and self._console.is_terminal:
            self._live = Live(
                console=self._console, auto_refresh=False, transient=self._is_transient
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(
        self, rollout: Rollout, judged: Judged | None, told: Sequence[Told], now: float
    ) -> None:
        """Show where the rollout is; ``told`` ends with what was decided now."""
        if self._live is not None:
            self._live.update(render(rollout, judged, told, now), refresh=True)
            return
        for one in self._new(told):
            if self._output is Output.JSON:
                print_json({"rollout": rollout.id, **told_json(one)})
            else:
                self._console.print(told_line(one), soft_wrap=True)

    def _new(self, told: Sequence[Told]) -> list[Told]:
        new: list[Told] = []
        for one in reversed(told):
            if one is self._last:
                break
            new.append(one)
        if told:
            self._last = told[-1]
        return new[::-1]
