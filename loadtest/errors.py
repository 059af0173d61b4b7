"""Every error this package raises on purpose, and how a run ends.

LoadtestError     the load tester itself cannot go on: a worker died, a disk is full   exit 70
├── UsageError    a flag, a workload file or a report that cannot be followed       exit 64
├── TargetError   no server, another protocol, another model, no trust: no load     exit 69
└── AnswerError   what came back is not the protocol; the exchange is MALFORMED
"""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the shell is told; sysexits.h has those from 64 on, 128 + SIGINT is Ctrl-C's."""

    PASS = 0
    FAIL = 1
    INSUFFICIENT = 2
    SATURATED = 3
    USAGE = 64
    UNREACHABLE = 69
    SOFTWARE = 70
    INTERRUPTED = 130


class LoadtestError(Exception):
    """Carries one sentence that names what is wrong, its value and what is allowed."""

    exit_code: ClassVar[ExitCode] = ExitCode.SOFTWARE


class UsageError(LoadtestError):
    """The user can mend it: the message names the flag, or the file and its line."""

    exit_code = ExitCode.USAGE


class TargetError(LoadtestError):
    """The target cannot be loaded as asked; found before any load is sent."""

    exit_code = ExitCode.UNREACHABLE


class AnswerError(LoadtestError):
    """An answer that is not of the protocol; holds no text of the answer."""
