"""What the Open Inference Protocol's two wires share: ids, shapes, datatypes, elements."""

from typing import Final

from predictor.errors import InvalidRequest
from predictor.protocol.wording import kind, listing, quote

# Far more than the contract has: what lies beyond need not be looked at.
MAX_ENTRIES: Final = 64

# FP16 is left out: no input takes it.
INTEGERS: Final = {
    "INT8": range(-(2**7), 2**7),
    "INT16": range(-(2**15), 2**15),
    "INT32": range(-(2**31), 2**31),
    "INT64": range(-(2**63), 2**63),
    "UINT8": range(2**8),
    "UINT16": range(2**16),
    "UINT32": range(2**32),
    "UINT64": range(2**64),
}
FLOATS: Final = ("FP32", "FP64")
DATATYPES: Final = ("BOOL", *INTEGERS, *FLOATS, "BYTES")


def check_id(request_id: str, max_length: int) -> str:
    if len(request_id) > max_length:
        raise InvalidRequest(f"id has {len(request_id)} characters, must have at most {max_length}")
    return request_id


def check_num_entries(what: str, num_entries: int) -> None:
    if num_entries > MAX_ENTRIES:
        raise InvalidRequest(f"{what} has {num_entries} entries, must have at most {MAX_ENTRIES}")


def check_datatype(what: str, datatype: object) -> str:
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise InvalidRequest(
            f"{what} has datatype {quote(datatype)}, must be one of {listing(DATATYPES)}"
        )
    return datatype


def count_rows(what: str, shape: list[object], max_rows: int) -> int:
    """Return n of a shape [n] or [n,1]; raises InvalidRequest for another or n above max_rows."""
    is_column = len(shape) == 1 or (len(shape) == 2 and _is_integer(shape[1]) and shape[1] == 1)
    if is_column and _is_integer(shape[0]):
        num_rows = shape[0]
        assert isinstance(num_rows, int)
        if 1 <= num_rows <= max_rows:
            return num_rows
    # A client that mixes up shape and data has put its prompt here.
    spelled = quote(shape) if all(map(_is_integer, shape)) else "with entries that are no integers"
    raise InvalidRequest(
        f"{what} has shape {spelled}, must be [n] or [n,1] with n from 1 to {max_rows}"
    )


def check_count(what: str, shape: list[object], expected: int, got: int) -> None:
    """Raise InvalidRequest unless both are equal.

    Raw contents are not read to their end, so ``got`` beyond ``expected`` only says: more.
    """
    if got != expected:
        held = "more" if got > expected else got
        raise InvalidRequest(
            f"{what} has shape {quote(shape)}, so {expected} elements, but holds {held}"
        )


def fits(datatype: str, element: object) -> bool:
    """Whether the element is a value of the datatype; text may be str or bytes."""
    if datatype == "BOOL":
        return isinstance(element, bool)
    if datatype == "BYTES":
        return isinstance(element, str | bytes)
    if datatype in INTEGERS:
        return _is_integer(element) and element in INTEGERS[datatype]
    return _is_integer(element) or isinstance(element, float)


def read_text(what: str, element: object) -> str:
    """Return an element of a BYTES tensor as text; raises InvalidRequest unless it is UTF-8."""
    try:
        if isinstance(element, bytes):
            return element.decode()
        assert isinstance(element, str), kind(element)
        element.encode()
    except UnicodeError:
        raise InvalidRequest(f"{what} is not UTF-8 text") from None
    return element


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
