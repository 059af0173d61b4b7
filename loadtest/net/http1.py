"""HTTP/1.1 (RFC 9112) without I/O: a request's head, and the reading of an answer."""

from typing import Final

import httptools

from loadtest.errors import AnswerError
from loadtest.net.endpoint import Endpoint
from loadtest.wire.part import Wire

MAX_HEAD_BYTES: Final = 65_536


class RequestHead:
    """Encodes the heads of requests to one path; what does not change is encoded once."""

    def __init__(self, endpoint: Endpoint, wire: Wire, run_id: str) -> None:
        given = {name.lower() for name, _ in endpoint.headers}
        own = (
            ("Accept", wire.accept),
            # A gateway that compresses would change what is measured.
            ("Accept-Encoding", "identity"),
            ("Content-Type", wire.content_type),
            ("User-Agent", "r1-loadtest"),
        )
        fields = [
            ("Host", endpoint.authority),
            *(field for field in own if field[0].lower() not in given),
            *endpoint.headers,
        ]
        lines = [f"POST {wire.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
        self._fixed = "".join(f"{line}\r\n" for line in lines).encode("latin-1")
        if "x-request-id" not in given:
            self._fixed += b"X-Request-Id: "
            self._id = run_id.encode("latin-1") + b"-%d\r\n"
        else:
            self._id = b""
        self._endpoint = endpoint

    def encode(self, index: int, body: bytes) -> bytes:
        """Return head and body of the request with that index."""
        request_id = self._id % index if self._id else b""
        authorization = self._endpoint.authorization()
        if authorization is not None:
            request_id += b"Authorization: %b\r\n" % authorization.encode("ascii")
        return b"%b%bContent-Length: %d\r\n\r\n%b" % (self._fixed, request_id, len(body), body)


class AnswerReader:
    """Reads the answers of one connection, one at a time; interim ones (1xx) are skipped."""

    __slots__ = (
        "_head_bytes",
        "_parser",
        "content_type",
        "has_excess",
        "has_head",
        "has_length",
        "is_complete",
        "is_reusable",
        "pieces",
        "status",
    )

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        # Of the body, since they were last taken.
        self.pieces: list[bytes] = []
        self.reset()

    def reset(self) -> None:
        """Be ready for the next answer."""
        self._head_bytes = 0
        self.status = 0
        self.content_type = b""
        self.has_length = False
        self.has_head = False
        self.is_complete = False
        # Whether another request may be sent on the connection; known once complete.
        self.is_reusable = False
        # Bytes after the answer's end, which nobody asked for.
        self.has_excess = False

    def close(self) -> None:
        """Let go of the parser, which holds on to its reader; nothing more can be fed."""
        del self._parser

    def feed(self, data: bytes) -> None:
        """Take bytes of the answer; raises AnswerError where they are not HTTP/1.1's."""
        if not self.has_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise AnswerError("the server switched protocols") from None
        except httptools.HttpParserError as error:
            if not self.is_complete:
                raise AnswerError(f"not HTTP/1.1: {error}") from None
        if not self.has_head and self._head_bytes > MAX_HEAD_BYTES:
            raise AnswerError(f"the answer's head has more than {MAX_HEAD_BYTES} bytes")

    def ends_by_close(self) -> bool:
        """Whether the end of the connection is the body's end (RFC 9112, section 6.3, rule 8)."""
        return self.has_head and not self.has_length and not self.is_complete

    def on_message_begin(self) -> None:
        if self.is_complete:
            self.has_excess = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.has_head:
            return
        name = name.lower()
        if name == b"content-type":
            self.content_type = value.partition(b";")[0].strip().lower()
        elif name in (b"content-length", b"transfer-encoding"):
            self.has_length = True

    def on_headers_complete(self) -> None:
        if self.has_head:
            return
        status = self._parser.get_status_code()
        if status >= 200:
            self.status = status
            self.has_head = True

    def on_body(self, data: bytes) -> None:
        if not self.is_complete:
            self.pieces.append(data)

    def on_message_complete(self) -> None:
        if not self.has_head:
            # An interim answer's fields are not the answer's.
            self.content_type = b""
            self.has_length = False
        elif not self.is_complete:
            self.is_complete = True
            self.is_reusable = self._parser.should_keep_alive()
