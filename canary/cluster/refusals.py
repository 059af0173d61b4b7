"""The API server's Status objects as errors of ours."""

import json
import re
from http import HTTPStatus
from typing import Any, Final

from canary.cluster.transport import Request, Response
from canary.errors import CanaryError, Conflict, Forbidden, InputError, Rejected, Unreachable

_MAX_CHARS: Final = 400
# Before it the server quotes the whole object, secrets and all.
_STRICT: Final = "strict decoding error: "
_RBAC: Final = re.compile(r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<what>[^"]+)"')


class NotFound(InputError):
    """There is no such object, or no such kind (404)."""


class UnknownWrite(Conflict):
    """409 after an attempt without an answer: it may be one's own write that is in the way."""


def refusal(request: Request, response: Response, host: str) -> CanaryError:
    """Return what a status above 299 means."""
    words = _words(_status(response))
    match response.status:
        case HTTPStatus.CONFLICT:
            return Conflict(words or f"{request.path} has changed")
        case HTTPStatus.NOT_FOUND:
            place = _namespace(request)
            return NotFound(f"{words}{place}" if words else f"{host} serves no {request.path}")
        case HTTPStatus.UNAUTHORIZED:
            return Unreachable(f"the cluster at {host} refuses the credentials")
        case HTTPStatus.FORBIDDEN if found := _RBAC.search(words):
            return Forbidden(_forbidden(found, request, words))
        case _:
            text = words or f"status {response.status}"
            return Rejected(f"the cluster refuses {request.method} {request.path}: {text}")


def reason(response: Response) -> str:
    """Return why a server has failed, in a line."""
    words = _words(_status(response))
    return f"status {response.status}: {words}" if words else f"status {response.status}"


def _forbidden(found: re.Match[str], request: Request, words: str) -> str:
    name = re.match(r'\S+ "([^"]+)"', words)
    what = f"{found['what']}/{name[1]}" if name and name[1] in request.path else found["what"]
    return (
        f"{found['user']} may not {found['verb']} {what}{_namespace(request)}: "
        "see manifests/components/canary-rbac"
    )


def _namespace(request: Request) -> str:
    found = re.search(r"/namespaces/([^/]+)/", request.path)
    return f" in namespace {found[1]}" if found else ""


def _status(response: Response) -> dict[str, Any]:
    try:
        found = json.loads(response.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _words(status: dict[str, Any]) -> str:
    message = str(status.get("message", ""))
    if _STRICT in message:
        return _line(message[message.index(_STRICT) + len(_STRICT) :])
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    if not isinstance(causes, list) or not causes:
        return _line(message)
    return _line("; ".join(f"{c.get('field', '')}: {_line(c.get('message', ''))}" for c in causes))


def _line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _MAX_CHARS else f"{words[: _MAX_CHARS // 2]} ... {words[-150:]}"
