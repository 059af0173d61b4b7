"""Linux's timerfd(2), a timer in ns that epoll can wait for; Python has it from 3.13 on."""

import ctypes
import os
import time
from typing import Final

_ABSOLUTE: Final = 1  # TFD_TIMER_ABSTIME
# Of a time of zero, which CLOCK_MONOTONIC never has, timerfd_settime says so.
DISARMED: Final = 0
_NS: Final = 1_000_000_000


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class TimerFd:
    """Readable once its time on CLOCK_MONOTONIC has come, until it is armed anew."""

    def __init__(self) -> None:
        # use_errno: the errno is read by us, on the thread that called.
        self._libc = ctypes.CDLL(None, use_errno=True)
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        self.fd = self._check(self._libc.timerfd_create(time.CLOCK_MONOTONIC, flags))
        self._spec = _TimerSpec()
        self._pointer = ctypes.byref(self._spec)

    def arm(self, when_ns: int) -> None:
        """Set the time in ns; one that is past makes it readable at once, DISARMED never."""
        self._spec.value.seconds, self._spec.value.nanoseconds = divmod(when_ns, _NS)
        self._check(self._libc.timerfd_settime(self.fd, _ABSOLUTE, self._pointer, None))

    def close(self) -> None:
        os.close(self.fd)

    def _check(self, result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
