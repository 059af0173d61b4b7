"""When a request is answered and what is wrong with the answer (pure): a queue of known laws."""

import heapq
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate
from typing import Final

from loadtest.nullserver.profile import Profile, Shape

_NS: Final = 1_000_000_000


class Fault(IntEnum):
    """What the server does wrong on purpose."""

    NONE = 0
    # Told before any of the answer: 500, INTERNAL.
    ERROR = 1
    # A stream that ends well as a transport halfway, without its last part.
    TRUNCATED = 2
    # The connection, or gRPC's stream, is reset halfway; of a unary answer before it.
    RESET = 3
    # 503, UNAVAILABLE, at once.
    REFUSED = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """``due`` are the times of the answer's chunks, in ns of the caller's clock."""

    due: tuple[int, ...]
    fault: Fault = Fault.NONE


class Planner:
    """Plans requests in the order they come; the same requests at the same times, alike."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._num_requests = 0
        # When each server is free next, a heap.
        self._free_at = [0] * profile.num_servers
        # When the request would be due that a source of just the allowed rate sends next.
        self._allowed_at = 0
        self._constant = {
            is_stream: self._draw(b"", is_stream=is_stream)
            for is_stream in (False, True)
            if _is_constant(profile, is_stream=is_stream)
        }

    def plan(self, now: int, request_id: bytes, *, is_stream: bool) -> Plan:
        self._num_requests += 1
        if self._is_above_rate(now):
            return Plan((now,), Fault.REFUSED)
        offsets = self._constant.get(is_stream) or self._draw(request_id, is_stream=is_stream)
        start = self._occupy(now, offsets[-1])
        due = tuple([start + offset for offset in offsets])
        return Plan(due, self._fault(is_stream=is_stream))

    def _draw(self, request_id: bytes, *, is_stream: bool) -> tuple[int, ...]:
        """Return how long after the start of its service each chunk is due, in ns."""
        profile = self._profile
        if not is_stream:
            return (profile.service.draw_ns(request_id, 0),)
        gaps = (profile.gap.draw_ns(request_id, number) for number in range(1, profile.num_chunks))
        return tuple(accumulate(gaps, initial=profile.ttft.draw_ns(request_id, 0)))

    def _occupy(self, now: int, busy_ns: int) -> int:
        """Return when a server takes it up: at once, or as the first of them becomes free."""
        if not self._free_at:
            return now
        start = max(now, self._free_at[0])
        heapq.heapreplace(self._free_at, start + busy_ns)
        return start

    def _is_above_rate(self, now: int) -> bool:
        if self._profile.refuse_above == 0:
            return False
        allowed_at = max(self._allowed_at, now)
        if allowed_at - now >= _NS:
            return True
        self._allowed_at = allowed_at + round(_NS / self._profile.refuse_above)
        return False

    def _fault(self, *, is_stream: bool) -> Fault:
        profile, number = self._profile, self._num_requests
        if profile.error_every and number % profile.error_every == 0:
            return Fault.ERROR
        if profile.reset_every and number % profile.reset_every == 0:
            return Fault.RESET
        if is_stream and profile.truncate_every and number % profile.truncate_every == 0:
            return Fault.TRUNCATED
        return Fault.NONE


def _is_constant(profile: Profile, *, is_stream: bool) -> bool:
    durations = (profile.ttft, profile.gap) if is_stream else (profile.service,)
    return all(each.shape is Shape.CONSTANT for each in durations)
