"""Every error this package raises on purpose.

PredictorError
├── InvalidRequest        the client can mend it                400  INVALID_ARGUMENT
├── ModelNotFound         no such model or version              404  NOT_FOUND
├── TooLarge              more bytes than are read              413  RESOURCE_EXHAUSTED
├── UnsupportedMediaType  a body of a kind that is not read     415  INVALID_ARGUMENT
├── Unavailable           loading, full, stopping, engine lost  503  UNAVAILABLE
├── DeadlineExceeded      the time for a request is over        504  DEADLINE_EXCEEDED
├── GenerationFailed      our own fault                         500  INTERNAL
├── ModelRefused          the model cannot be served: one line, exit 1
└── SettingRefused        a setting cannot be followed: one line, exit 1
"""

from http import HTTPStatus
from typing import ClassVar, Final

# All that a client hears of an error that nobody raised on purpose; the log has the rest.
INTERNAL_ERROR: Final = "internal error"

# What Retry-After says with every 503 (RFC 9110, 10.2.3).
RETRY_AFTER_S: Final = 1


class PredictorError(Exception):
    """Carries one sentence for the client and its status on both protocols."""

    http_status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    grpc_status: ClassVar[str] = "INTERNAL"


class InvalidRequest(PredictorError):
    """The message names the field, its value and what is allowed."""

    http_status = HTTPStatus.BAD_REQUEST
    grpc_status = "INVALID_ARGUMENT"


class ModelNotFound(PredictorError):
    """The path or message names a model or version that is not served here."""

    http_status = HTTPStatus.NOT_FOUND
    grpc_status = "NOT_FOUND"


class TooLarge(PredictorError):
    """The message names the limit in bytes."""

    http_status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    grpc_status = "RESOURCE_EXHAUSTED"


class UnsupportedMediaType(PredictorError):
    """The message names the content type and those that are read."""

    http_status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    grpc_status = "INVALID_ARGUMENT"


class Unavailable(PredictorError):
    """Nothing is wrong with the request; trying again after RETRY_AFTER_S may work."""

    http_status = HTTPStatus.SERVICE_UNAVAILABLE
    grpc_status = "UNAVAILABLE"


class DeadlineExceeded(PredictorError):
    """The request's time was over before its generation was; what it had is freed."""

    http_status = HTTPStatus.GATEWAY_TIMEOUT
    grpc_status = "DEADLINE_EXCEEDED"


class GenerationFailed(PredictorError):
    """The engine could not finish a valid request."""


class ModelRefused(PredictorError):
    """The model directory cannot be served; the message says which file or tensor and why."""


class SettingRefused(PredictorError):
    """A flag's value cannot be followed; the message names it, its value and what is allowed."""
