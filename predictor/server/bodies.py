"""Request bodies: read within their limit, of the right media type, and parsed off the loop."""

from collections.abc import Callable
from email.message import Message
from functools import partial
from typing import Final, TypeVar

from starlette.requests import Request

from predictor.config import Limits
from predictor.errors import TooLarge, Unavailable, UnsupportedMediaType
from predictor.lanes import Parser
from predictor.protocol.wording import quote

T = TypeVar("T")

JSON: Final = "application/json"
BINARY: Final = "application/octet-stream"
# Of the largest size, held while they arrive.
MAX_BODIES: Final = 64


class Bodies:
    """Reads bodies of at most ``limits.max_body_bytes``."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        # Of bodies that have begun to arrive.
        self._num_bytes = 0
        self._parser = Parser()

    async def read(self, request: Request, *, allows_binary: bool = False) -> bytes:
        """Return the body.

        Raises UnsupportedMediaType, TooLarge without reading the rest, Unavailable when too much
        arrives at once, and ClientDisconnect.
        """
        _check_media_type(request, allows_binary=allows_binary)
        limit = self._limits.max_body_bytes
        declared = request.headers.get("content-length", "").lstrip("0") or "0"
        # HTTP parsers let digits alone through.
        if len(declared) > len(str(limit)) or int(declared) > limit:
            raise TooLarge(f"the body is {declared[:20]} bytes long, must be at most {limit}")
        body = bytearray()
        try:
            async for part in request.stream():
                body += part
                self._num_bytes += len(part)
                if len(body) > limit:
                    raise TooLarge(f"the body is longer than {limit} bytes")
                if self._num_bytes > limit * MAX_BODIES:
                    raise Unavailable("the server is full: too many bodies arrive at once")
        finally:
            self._num_bytes -= len(body)
        return bytes(body)

    async def parse(self, body: bytes, parse: Callable[[bytes], T]) -> T:
        """Return the parsed body, a large one from another thread."""
        return await self._parser.run(len(body), partial(parse, body))


def _check_media_type(request: Request, *, allows_binary: bool) -> None:
    encodings = request.headers.getlist("content-encoding")
    if any(encoding.lower() != "identity" for encoding in encodings):
        raise UnsupportedMediaType(
            f"content-encoding is {quote(', '.join(encodings))}, must be left out"
        )
    given = request.headers.getlist("content-type")
    if not given:
        return
    message = Message()
    message["content-type"] = ", ".join(given)
    allowed = (JSON, BINARY) if allows_binary else (JSON,)
    # A tuple where it is spelled as in RFC 2231.
    charset = message.get_param("charset", "utf-8")
    is_text = isinstance(charset, str) and charset.lower() in ("utf-8", "us-ascii")
    if message.get_content_type() not in allowed or not is_text:
        raise UnsupportedMediaType(
            f"content-type is {quote(message['content-type'])}, must be {' or '.join(allowed)}"
        )
