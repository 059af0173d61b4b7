"""What is kept of every request: one row of fixed width, and the times of its chunks.

All times are integer nanoseconds of CLOCK_MONOTONIC since the run's epoch, which every worker
shares; NEVER where the event did not happen.
"""

from enum import IntEnum
from typing import Final

import numpy as np

NEVER: Final = -1


class Outcome(IntEnum):
    """How a request ended; each request has exactly one."""

    OK = 0
    # Scheduled, and the run ended before it was sent.
    NOT_SENT = 1
    # Sent, and the run's drain ended before it was answered: its latency is at least that long.
    UNFINISHED = 2
    CONNECT_FAILED = 3
    TLS_FAILED = 4
    # The connection broke before the answer's end, or before its first byte.
    RESET = 5
    # --timeout: its latency is at least that long.
    TIMEOUT = 6
    # 4xx but 429; INVALID_ARGUMENT, NOT_FOUND, UNAUTHENTICATED, PERMISSION_DENIED ...
    REFUSED = 7
    # 429, 503; RESOURCE_EXHAUSTED, UNAVAILABLE.
    OVERLOADED = 8
    # 504; DEADLINE_EXCEEDED, said by the server.
    DEADLINE = 9
    # Other 5xx; INTERNAL, UNKNOWN ...
    SERVER_ERROR = 10
    # An error said within a stream that had begun with success.
    STREAM_ERROR = 11
    # A stream that ended well as a transport, without its last part.
    TRUNCATED = 12
    # Not of the protocol.
    MALFORMED = 13


# Their latency is known only from below: percentiles count them as longer than any other.
CENSORED: Final = (Outcome.UNFINISHED, Outcome.TIMEOUT)
# Neither an error nor a success: the end of the run cut them off.
CUT_OFF: Final = (Outcome.NOT_SENT, Outcome.UNFINISHED)


class Correctness(IntEnum):
    """Whether the answer was the one expected."""

    UNCHECKED = 0
    RIGHT = 1
    WRONG = 2


class FinishReason(IntEnum):
    """Why the model stopped, in whichever words the protocol says it."""

    UNKNOWN = 0
    STOP = 1
    LENGTH = 2


# Field names are columns of requests.csv too.
RECORD: Final = np.dtype(
    [
        ("index", "i8"),  # in the run, over all workers; the same seed gives it the same prompt
        ("worker", "i2"),
        ("turn", "i2"),  # of its conversation, from 0
        ("outcome", "u1"),
        ("correctness", "u1"),
        ("finish_reason", "u1"),
        ("reused", "u1"),  # 1: sent on a connection that was open already
        ("status", "i2"),  # HTTP's, or gRPC's code; NEVER before an answer
        ("scheduled", "i8"),  # when it was due; in a closed loop when its place became free
        ("started", "i8"),  # when the client took it up
        ("sent", "i8"),  # when its last byte was handed to the kernel, connecting included
        ("first_byte", "i8"),  # first byte of the answer, its head included
        ("first_chunk", "i8"),  # first chunk with text; of a unary answer its end
        ("last_chunk", "i8"),
        ("finished", "i8"),  # end of the answer, or of the attempt
        ("connect", "i8"),  # duration of connecting and TLS in ns; 0 on a reused connection
        ("num_chunks", "i4"),  # chunks with text
        ("num_coalesced", "i4"),  # of them, those read together with the chunk before them
        ("gaps_at", "i8"),  # row of the worker's gaps at which this request's begin
        ("asked_prompt_tokens", "i4"),  # what the workload asked for; NEVER where it did not say
        ("asked_output_tokens", "i4"),
        ("local_prompt_tokens", "i4"),  # by the local tokenizer; NEVER without one
        ("local_output_tokens", "i4"),
        ("prompt_tokens", "i4"),  # by the server's usage; NEVER where it said none
        ("completion_tokens", "i4"),
        ("reasoning_tokens", "i4"),
        ("request_bytes", "i4"),  # of the body
        ("response_bytes", "i8"),  # of the body
    ]
)
