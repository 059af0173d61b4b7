"""Protobuf from outside: how much a message would hold is known before it is parsed.

An empty message takes two bytes on the wire and forty times that once parsed, so that a limit of
bytes alone would let 4 MiB become 170. https://protobuf.dev/programming-guides/encoding
"""

from collections.abc import Iterator
from typing import Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

from predictor.errors import InvalidRequest

# More than a request has inputs, each with one element a row.
FIELDS_PER_ROW: Final = 32
# Names, shapes, parameters: all that does not grow with the rows.
FIELDS_BESIDE_ROWS: Final = 1024

_BYTES: Final = (FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_STRING)
# The three low bits of a tag say how long its field is: by wire type, and those of fixed length.
_VARINT: Final = 0
_LEN: Final = 2
_FIXED: Final = {1: 8, 5: 4}


def parse_message(data: bytes, message_type: type[Message], *, max_rows: int) -> Message:
    """Return the message; raises InvalidRequest for bytes that are none, or hold too much."""
    name = message_type.DESCRIPTOR.name
    max_fields = FIELDS_BESIDE_ROWS + FIELDS_PER_ROW * max_rows
    # Every field takes two bytes at least.
    if len(data) > 2 * max_fields and _holds_more(data, message_type.DESCRIPTOR, max_fields):
        raise InvalidRequest(
            f"the {name} message has over {max_fields} fields and elements, must have at most "
            f"{max_fields}"
        )
    message = message_type()
    try:
        message.MergeFromString(data)
    except DecodeError:
        raise InvalidRequest(f"the request is no {name} message") from None
    return message


def _holds_more(data: bytes, descriptor: Descriptor, max_fields: int) -> bool:
    """Whether the message has more fields than that, nested ones and elements included.

    Bytes that are no message may get either answer.
    """
    budget = max_fields
    unread = [(0, len(data), descriptor)]
    while unread:
        start, end, descriptor = unread.pop()
        for number, at, length in _read_fields(data, start, end):
            budget -= 1
            field = descriptor.fields_by_number.get(number) if length else None
            if field is not None and field.message_type is not None:
                unread.append((at, min(at + length, end), field.message_type))
            elif field is not None and field.type not in _BYTES:
                # Packed numbers, of which each takes eight bytes once parsed.
                budget -= length // 8
            if budget < 0:
                return True
    return False


def _read_fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield each field's number, and of one with a length where it begins and how long it is."""
    while at < end:
        tag, at = _read_varint(data, at)
        wire_type, length = tag & 7, 0
        if wire_type == _LEN:
            length, at = _read_varint(data, at)
        elif wire_type == _VARINT:
            _, at = _read_varint(data, at)
        else:
            # A group's ends are tags alone, and its fields are counted as if they were outside.
            at += _FIXED.get(wire_type, 0)
        yield tag >> 3, at, length
        at += length


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number and where it ends; what is missing at the end of the data counts as 0."""
    value, shift = 0, 0
    for byte in data[at : at + 10]:
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return value, at
