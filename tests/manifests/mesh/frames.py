"""One request over HTTP/2 as it is written: clients take blanks off the values of headers."""

import socket
from collections.abc import Iterable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# RFC 9113, section 6.
HEADERS, RST_STREAM, SETTINGS, GOAWAY = 1, 3, 4, 7
END_STREAM_AND_HEADERS = 0x05
STREAM = 1
# RFC 7541: these statuses are whole entries of appendix A, from 8 on; appendix B encodes digits.
INDEXED = (200, 204, 206, 304, 400, 404, 500)
DIGITS = {f"{digit:05b}": str(digit) for digit in range(3)} | {
    f"{digit + 22:06b}": str(digit) for digit in range(3, 10)
}


def status_of(connection: socket.socket, fields: Iterable[tuple[str, str]]) -> int | None:
    """Send a request without a body and return its status, None where the stream is refused."""
    block = b"".join(b"\0" + _string(name) + _string(value) for name, value in fields)
    connection.sendall(PREFACE + _frame(SETTINGS, 0, 0, b""))
    connection.sendall(_frame(HEADERS, END_STREAM_AND_HEADERS, STREAM, block))
    with connection.makefile("rb") as answers:
        while head := answers.read(9):
            payload = answers.read(int.from_bytes(head[:3]))
            if head[3] == HEADERS:
                return _status(payload)
            if head[3] in (RST_STREAM, GOAWAY):
                return None
    return None


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def _string(text: str) -> bytes:
    """A length of seven bits and, from 127 on, of seven more in each byte; then the bytes."""
    data, rest = text.encode(), len(text.encode()) - 127
    if rest < 0:
        return bytes([len(data)]) + data
    length = [127]
    while rest >= 128:
        length.append(rest % 128 + 128)
        rest //= 128
    return bytes([*length, rest]) + data


def _status(block: bytes) -> int:
    """The first field of an answer: a whole entry, or the name as entry 8 and three digits."""
    if block[0] & 0x80:
        return INDEXED[(block[0] & 0x7F) - 8]
    value = block[2 : 2 + (block[1] & 0x7F)]
    return int(_digits(value) if block[1] & 0x80 else value)


def _digits(data: bytes) -> str:
    text, code = "", ""
    for bit in "".join(f"{byte:08b}" for byte in data):
        code += bit
        if code in DIGITS:
            text, code = text + DIGITS[code], ""
    return text
