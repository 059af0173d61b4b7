"""One HTTP exchange with an API server, whoever carries it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

JSON: Final = "application/json"
JSON_PATCH: Final = "application/json-patch+json"


@dataclass(frozen=True, slots=True)
class Request:
    """``path`` without the server and the query; ``body`` as JSON types."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = JSON
    # Seconds to wait for an answer; None for as long as the transport waits.
    read_s: float | None = None

    @property
    def is_write(self) -> bool:
        return self.method != "GET" and self.query.get("dryRun") != "All"


@dataclass(frozen=True, slots=True)
class Response:
    """``headers`` by their names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NotSent(Exception):
    """No connection: the server has seen nothing of the request. Its text is the reason."""


class NoAnswer(Exception):
    """The request may have been carried out, or may yet be. Its text is the reason."""


class Transport(Protocol):
    """Returns within its own timeouts; raises NotSent, NoAnswer, or Unreachable for good."""

    # The server's address, for messages.
    host: str

    def exchange(self, request: Request) -> Response: ...
