"""A tensor's elements <-> little-endian bytes: gRPC's raw contents and REST's binary data."""

import struct
from collections.abc import Iterable
from typing import Final

from predictor.errors import InvalidRequest

# Datatype -> its letter in ``struct``. BYTES has none: each element follows its length.
LETTERS: Final = {
    "BOOL": "B",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "FP32": "f",
    "FP64": "d",
}

_LENGTH: Final = struct.Struct("<I")
_FP32: Final = struct.Struct("<f")


def pack(datatype: str, elements: Iterable[object]) -> bytes:
    """Return the bytes of the elements, text as UTF-8."""
    if datatype != "BYTES":
        values = list(elements)
        return struct.pack(f"<{len(values)}{LETTERS[datatype]}", *values)
    return b"".join(_LENGTH.pack(len(text)) + text for text in map(encode_text, elements))


def unpack(raw: bytes, datatype: str, num_elements: int, what: str) -> list[object]:
    """Return the elements, but at most one more than ``num_elements``: enough to be too many.

    Raises InvalidRequest, naming ``what``, unless the bytes end with an element.
    """
    if datatype == "BYTES":
        return _unpack_bytes(raw, num_elements, what)
    size = struct.calcsize(LETTERS[datatype])
    if len(raw) % size:
        raise InvalidRequest(
            f"{what}: raw contents are {len(raw)} bytes long, must be a multiple of {size}"
        )
    count = min(len(raw) // size, num_elements + 1)
    elements = struct.unpack_from(f"<{count}{LETTERS[datatype]}", raw)
    if datatype == "FP32":
        return [shortest(element) for element in elements]
    if datatype != "BOOL":
        return list(elements)
    if not set(elements) <= {0, 1}:
        raise InvalidRequest(f"{what}: raw contents of a BOOL must be bytes 0 or 1")
    return [element == 1 for element in elements]


def encode_text(element: object) -> bytes:
    """Return an element of a response's BYTES tensor as UTF-8."""
    assert isinstance(element, str)
    return element.encode()


def shortest(value: float) -> float:
    """Return the shortest decimal that is this FP32: 0.01 as FP32 is a hair less than 0.01."""
    shorter = (float(f"{value:.{digits}g}") for digits in range(6, 9))
    return next((s for s in shorter if _FP32.unpack(_FP32.pack(s))[0] == value), value)


def _unpack_bytes(raw: bytes, num_elements: int, what: str) -> list[object]:
    """Each element has its length in 4 bytes before it."""
    elements: list[object] = []
    at = 0
    while at < len(raw) and len(elements) <= num_elements:
        start = at + _LENGTH.size
        if start > len(raw):
            raise InvalidRequest(
                f"{what}: raw contents end within the length of element {len(elements)}"
            )
        at = start + int.from_bytes(raw[at:start], "little")
        if at > len(raw):
            raise InvalidRequest(
                f"{what}: element {len(elements)} is said to be {at - start} bytes long, but "
                f"{len(raw) - start} are left"
            )
        elements.append(raw[start:at])
    return elements
