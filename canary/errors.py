"""What can go wrong, and the exit status that says so.

CanaryError
├── InputError           a rollout file, flag, manifest or service that cannot be rolled out (2)
├── Unreachable          the cluster, Prometheus or the tag hosts do not answer (3)
├── Forbidden            the cluster refuses a verb; names verb, resource and ServiceAccount (3)
├── Conflict             an object changed since it was read: read again and decide again
├── Held                 another holds the Lease, or the rollout waits for a person (4)
└── Rejected             the API server or a webhook refuses an object; holds its own words (2)
"""

from enum import IntEnum


class ExitStatus(IntEnum):
    """Of every command; 70 is a crash of ours (sysexits' EX_SOFTWARE)."""

    PROMOTED = 0
    ROLLED_BACK = 1
    BAD_INPUT = 2
    UNREACHABLE = 3
    PAUSED = 4
    CRASHED = 70


class CanaryError(Exception):
    """Its text is one line for the user: what was wrong, the value, what is allowed."""

    exit_status = ExitStatus.CRASHED


class InputError(CanaryError):
    """The rollout file, a flag, the manifest or the live service does not allow a rollout."""

    exit_status = ExitStatus.BAD_INPUT


class Rejected(InputError):
    """The API server or a webhook refuses what was to be written (422, 400, 403 of admission)."""


class Unreachable(CanaryError):
    """An outside system does not answer, or answers 429 or 5xx for longer than was bearable.

    ``retry_after_s`` is for how long it wants not to be asked again.
    """

    exit_status = ExitStatus.UNREACHABLE

    def __init__(self, text: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class Forbidden(CanaryError):
    """RBAC refuses a verb; names the verb, the resource and who asked."""

    exit_status = ExitStatus.UNREACHABLE


class Conflict(CanaryError):
    """The object's resourceVersion is no longer the one that was read (409)."""


class Held(CanaryError):
    """Another operator holds the Lease, or only a person can go on."""

    exit_status = ExitStatus.PAUSED
