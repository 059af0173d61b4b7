"""What a gRPC answer's headers, trailers and resets say about how the call ended (pure).

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md and http-grpc-status-mapping.md
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final
from urllib.parse import unquote_to_bytes

from loadtest.net.http2_frames import ErrorCode, Head
from loadtest.record import NEVER, Outcome

_MAX_MESSAGE_BYTES: Final = 4_096
_MAX_SHOWN: Final = 40


class Code(IntEnum):
    """gRPC's status codes."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


_OUTCOMES: Final = {
    Code.OK: Outcome.OK,
    Code.CANCELLED: Outcome.SERVER_ERROR,
    Code.UNKNOWN: Outcome.SERVER_ERROR,
    Code.INVALID_ARGUMENT: Outcome.REFUSED,
    Code.DEADLINE_EXCEEDED: Outcome.DEADLINE,
    Code.NOT_FOUND: Outcome.REFUSED,
    Code.ALREADY_EXISTS: Outcome.REFUSED,
    Code.PERMISSION_DENIED: Outcome.REFUSED,
    Code.RESOURCE_EXHAUSTED: Outcome.OVERLOADED,
    Code.FAILED_PRECONDITION: Outcome.REFUSED,
    Code.ABORTED: Outcome.SERVER_ERROR,
    Code.OUT_OF_RANGE: Outcome.REFUSED,
    Code.UNIMPLEMENTED: Outcome.REFUSED,
    Code.INTERNAL: Outcome.SERVER_ERROR,
    Code.UNAVAILABLE: Outcome.OVERLOADED,
    Code.DATA_LOSS: Outcome.SERVER_ERROR,
    Code.UNAUTHENTICATED: Outcome.REFUSED,
}

# Of an answer without grpc-status, which is a proxy's and not the service's.
_CODES_OF_HTTP: Final = {
    400: Code.INTERNAL,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.UNIMPLEMENTED,
    429: Code.UNAVAILABLE,
    502: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
    504: Code.UNAVAILABLE,
}

# A reset is no answer, so it has no status; these two say that the server would not take more.
_OVERLOAD_RESETS: Final = (ErrorCode.REFUSED_STREAM, ErrorCode.ENHANCE_YOUR_CALM)


@dataclass(frozen=True, slots=True)
class Ending:
    """``word`` is the server's own, which may quote the prompt; ``detail`` never does."""

    outcome: Outcome
    detail: str = ""
    word: str = ""
    status: int = NEVER


def judge_head(head: Head) -> Ending | None:
    """Return how a call ended whose first headers tell that no messages follow, else None."""
    if b"grpc-status" in head:
        return None
    http_status = _read_number(head.get(b":status", b""))
    if http_status is None:
        return Ending(Outcome.MALFORMED, "the answer has no HTTP status")
    if http_status != 200:
        code = _CODES_OF_HTTP.get(http_status, Code.UNKNOWN)
        return Ending(_OUTCOMES[code], f"HTTP {http_status} without a grpc-status", "", code)
    content_type = head.get(b"content-type", b"")
    if content_type.partition(b";")[0] not in (b"application/grpc", b"application/grpc+proto"):
        shown = _show(content_type)
        return Ending(
            Outcome.MALFORMED, f"content type is {shown}, must be application/grpc", "", NEVER
        )
    return None


def judge_trailers(trailers: Head) -> Ending:
    """Return how a call ended by its last headers: they may be its first too (Trailers-Only)."""
    if b"grpc-status" not in trailers:
        return Ending(Outcome.MALFORMED, "the answer ended without a grpc-status")
    number = _read_number(trailers[b"grpc-status"])
    if number is None:
        shown = _show(trailers[b"grpc-status"])
        return Ending(Outcome.MALFORMED, f"grpc-status is {shown}, must be a number")
    # Codes that are not known are to be taken for UNKNOWN.
    code = Code(number) if number in _OUTCOMES else Code.UNKNOWN
    detail = code.name if code == number else f"UNKNOWN ({number})"
    return Ending(_OUTCOMES[code], detail, _decode_message(trailers), code)


def judge_reset(number: int) -> Ending:
    """Return how a call ended that the server reset with a code of RFC 9113, section 7."""
    name = ErrorCode(number).name if number in list(ErrorCode) else str(number)
    outcome = Outcome.OVERLOADED if number in _OVERLOAD_RESETS else Outcome.RESET
    return Ending(outcome, f"reset by the server: {name}")


def _decode_message(trailers: Head) -> str:
    message = unquote_to_bytes(trailers.get(b"grpc-message", b"")[:_MAX_MESSAGE_BYTES])
    text = message.decode(errors="replace")
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _read_number(value: bytes) -> int | None:
    return int(value) if value.isdigit() and len(value) <= 9 else None


def _show(value: bytes) -> str:
    return repr(value[:_MAX_SHOWN].decode("ascii", errors="replace"))
