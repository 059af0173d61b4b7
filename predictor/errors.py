"""Every error this package raises on purpose.

PredictorError
├── InvalidRequest    the client can mend it          400  INVALID_ARGUMENT
├── ModelNotFound     no such model or version        404  NOT_FOUND
├── Unavailable       loading, stopping, engine lost  503  UNAVAILABLE
├── GenerationFailed  our own fault                   500  INTERNAL
├── ModelRefused      the model cannot be served: one line, exit 1
└── SettingRefused    a setting cannot be followed: one line, exit 1
"""

from http import HTTPStatus
from typing import ClassVar, Final

# All that a client hears of an error that nobody raised on purpose; the log has the rest.
INTERNAL_ERROR: Final = "internal error"


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


class Unavailable(PredictorError):
    """Nothing is wrong with the request; trying again later may work."""

    http_status = HTTPStatus.SERVICE_UNAVAILABLE
    grpc_status = "UNAVAILABLE"


class GenerationFailed(PredictorError):
    """The engine could not finish a valid request."""


class ModelRefused(PredictorError):
    """The model directory cannot be served; the message says which file or tensor and why."""


class SettingRefused(PredictorError):
    """A flag's value cannot be followed; the message names it, its value and what is allowed."""
