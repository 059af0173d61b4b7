"""Triton's binary tensor data extension of REST: which tensors are bytes after a body's JSON."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from predictor.errors import InvalidRequest
from predictor.protocol.wording import quote

# In bytes, on a request as on a response.
JSON_LENGTH_HEADER: Final = "inference-header-content-length"

# No body is longer than this many digits say, and longer numbers are slow to read.
_LENGTH: Final = re.compile("[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class BinaryOutputs:
    """Which outputs of a response are sent as bytes: an output's own wish, else the default."""

    default: bool = False
    wishes: Mapping[str, bool] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        return self.wishes.get(name, self.default)


class BinaryData:
    """The bytes after a body's JSON, taken tensor by tensor in the order of the inputs."""

    def __init__(self, body: bytes, start: int) -> None:
        self._body = body
        self._at = start
        self._last = "its JSON"

    def take(self, size: int, what: str) -> bytes:
        left = len(self._body) - self._at
        if size > left:
            raise InvalidRequest(
                f"{what}: binary_data_size is {size}, but {left} bytes of the body are left"
            )
        start, self._at, self._last = self._at, self._at + size, what
        return self._body[start : self._at]

    def check_all_taken(self) -> None:
        left = len(self._body) - self._at
        if left:
            raise InvalidRequest(f"the body has {left} bytes after {self._last}, must have none")


def split_body(body: bytes, header_length: str | None) -> tuple[bytes, BinaryData | None]:
    """Return the JSON and, where the header is present, what follows it."""
    if header_length is None:
        return body, None
    length = int(header_length) if _LENGTH.fullmatch(header_length) else 0
    if not 1 <= length <= len(body):
        raise InvalidRequest(
            f"{JSON_LENGTH_HEADER} is {quote(header_length)}, must be an integer from 1 to the "
            f"body's length, {len(body)}"
        )
    return body[:length], BinaryData(body, length)


def take_flag(parameters: dict[str, object], name: str, what: str) -> bool | None:
    """Take a boolean out of the parameters, None for one that is not there."""
    if name not in parameters:
        return None
    flag = parameters.pop(name)
    if not isinstance(flag, bool):
        raise InvalidRequest(f"{what} is {quote(flag)}, must be true or false")
    return flag


def take_size(parameters: dict[str, object], what: str) -> int | None:
    """Take ``binary_data_size`` out of an input's parameters, None where it is not there."""
    if "binary_data_size" not in parameters:
        return None
    size = parameters.pop("binary_data_size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise InvalidRequest(
            f"{what}: binary_data_size is {quote(size)}, must be a number of bytes from 0"
        )
    return size
