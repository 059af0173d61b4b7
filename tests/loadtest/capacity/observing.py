"""A client seen from outside: what the server counts, what the kernel charges its processes."""

import math
import os
import re
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_POLL_S: Final = 0.2
# guidellm and vLLM load torch before they send.
_START_TIMEOUT_S: Final = 180.0


class CapacityError(Exception):
    """Nothing can be said of this window."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Sums since the server and the client began."""

    at_s: float
    num_requests: int
    server_cpu_s: float
    client_cpu_s: float


def read(metrics_url: str, session: int) -> Reading:
    """Return where server and client are now."""
    with urllib.request.urlopen(metrics_url) as response:
        page = response.read().decode()
    return Reading(
        time.monotonic(),
        round(_value(page, "nullserver_requests_total")),
        _value(page, "process_cpu_seconds_total"),
        cpu_of_session(session),
    )


def observe(
    metrics_url: str,
    session: int,
    *,
    warmup_s: float,
    window_s: float,
    num_requests: int | None,
) -> tuple[Reading, Reading]:
    """Return the window's ends; it begins ``warmup_s`` after the client's first requests.

    It is shorter where the client has sent nine tenths of ``num_requests``, all it will. Raises
    CapacityError where the client does not begin, or ends before the window does.
    """
    first = read(metrics_url, session)
    deadline_s = first.at_s + _START_TIMEOUT_S
    # Some clients ask once before they begin, long before.
    while (now := read(metrics_url, session)).num_requests < first.num_requests + 50:
        if now.at_s > deadline_s or not is_running(session):
            raise CapacityError("the client has sent nothing")
        time.sleep(_POLL_S)
    time.sleep(warmup_s)
    begin = end = read(metrics_url, session)
    most = 0.9 * num_requests if num_requests else math.inf
    while end.at_s < begin.at_s + window_s and end.num_requests - first.num_requests < most:
        time.sleep(_POLL_S)
        end = read(metrics_url, session)
    time.sleep(_POLL_S)
    if end is begin or read(metrics_url, session).num_requests == end.num_requests:
        raise CapacityError("the client ended within the window: give it more to do")
    return begin, end


def is_running(session: int) -> bool:
    stat = _stat(Path(f"/proc/{session}"))
    return stat is not None and stat[0] != "Z"


def cpu_of_session(session: int) -> float:
    """Return user and system time of a session's processes and of their dead children, in s."""
    ticks = 0
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and (stat := _stat(process)) and int(stat[3]) == session:
            # proc(5): utime, stime, cutime, cstime are fields 14 to 17.
            ticks += sum(map(int, stat[11:15]))
    return ticks / _TICKS


def _stat(process: Path) -> list[str] | None:
    """Return proc(5)'s fields from the state on, the third; None for one that has gone."""
    try:
        text = (process / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _value(page: str, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", page, re.MULTILINE)
    if found is None:
        raise CapacityError(f"the server's page has no {name}")
    return float(found[1])
