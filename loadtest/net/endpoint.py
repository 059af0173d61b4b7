"""Where the target is and what every request to it carries."""

import re
import socket
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import SplitResult, urlsplit

from loadtest.config import RunConfig
from loadtest.errors import TargetError, UsageError
from loadtest.net.bearer import BearerToken
from loadtest.net.shown import shown_url
from loadtest.wire.paths import path_prefix
from loadtest.wire.quotes import without_credentials

_PORTS: Final = {"http": 80, "https": 443, "grpc": 80, "grpcs": 443}
_FORMS: Final = "http://HOST[:PORT] or https://HOST[:PORT]"
_GRPC_FORMS: Final = "grpc://HOST[:PORT] or grpcs://HOST[:PORT]"
# RFC 9110: a field's name (5.1) and what its value may hold (5.5).
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# RFC 3986, section 3.2, without userinfo.
_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~%!$&'()*+,;=-]+)(:\d{1,5})?")
# The client's own: they say how long the body is, what it is, and where it goes.
# Their values begin with the name of a scheme (RFC 9110, section 11.4).
_SCHEMED: Final = ("authorization", "proxy-authorization")
_OWN_HEADERS: Final = frozenset(
    (
        *("host", "accept", "accept-encoding", "content-type", "content-length"),
        *("transfer-encoding", "te", "trailer", "upgrade", "expect"),
        *("connection", "proxy-connection", "keep-alive"),
    )
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One target; can be handed to another process."""

    scheme: str
    host: str
    port: int
    # Numeric, each with its port, in the resolver's order: connections take them in turn.
    addresses: tuple[tuple[str, int], ...]
    # HTTP/1.1's Host and HTTP/2's :authority.
    authority: str
    # With each request, besides the client's own.
    headers: tuple[tuple[str, str], ...]
    # Before the protocol's own paths; a wire's path has it already.
    path_prefix: str
    bearer: BearerToken | None

    @property
    def is_tls(self) -> bool:
        return self.scheme in ("https", "grpcs")

    def authorization(self) -> str | None:
        """Return the Authorization header's value as of now; raises UsageError as the token's."""
        return None if self.bearer is None else self.bearer.authorization(time.monotonic_ns())

    def redact(self, detail: str) -> str:
        """Return what a server said without the credentials that it was sent."""
        tokens = () if self.bearer is None else self.bearer.tokens
        credentials = (*_credentials(self.headers), *tokens)
        return without_credentials(detail, credentials) if credentials else detail


@lru_cache(maxsize=8)
def _credentials(headers: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return what may be a credential of a header: its value, and each word of it."""
    found = []
    for name, value in headers:
        # A scheme such as Bearer is a word of the language's own.
        is_schemed = name.lower() in _SCHEMED
        secret = (value.partition(" ")[2] if is_schemed else "") or value
        found += [secret, *re.split(r"[\s,;=]+", secret)]
    return tuple(dict.fromkeys(found))


def make_endpoint(config: RunConfig) -> Endpoint:
    """Return the run's endpoint.

    Raises UsageError for settings that cannot be followed, TargetError for a name that does not
    resolve. Proxies of the environment are never used.
    """
    url = read_target(config)
    assert url.hostname is not None
    port = url.port or _PORTS[url.scheme]
    headers = tuple(_read_header(header) for header in config.header)
    bearer = None
    if config.bearer_token_file is not None:
        if any(name.lower() == "authorization" for name, _ in headers):
            raise UsageError("header Authorization and bearer_token_file are given, must be one")
        bearer = BearerToken(config.bearer_token_file)
        bearer.authorization(time.monotonic_ns())
    return Endpoint(
        scheme=url.scheme,
        host=url.hostname,
        port=port,
        addresses=_resolve(url.hostname, port),
        authority=_read_authority(config.host) if config.host is not None else url.netloc,
        headers=headers,
        path_prefix=path_prefix(config),
        bearer=bearer,
    )


def read_target(config: RunConfig) -> SplitResult:
    """Return the parts of the run's target; raises UsageError for one that the protocol has not."""
    is_grpc = config.protocol.is_grpc
    forms = _GRPC_FORMS if is_grpc else _FORMS
    shown = shown_url(config.target)
    try:
        url = urlsplit(config.target)
        has_port = url.port != 0
    except ValueError as error:
        # The reason may quote a part of a password.
        reason = f": {error}" if shown == config.target else ""
        raise UsageError(f"target is {shown!r}{reason}; must be {forms}") from None
    if url.scheme in _PORTS and (url.scheme in ("grpc", "grpcs")) != is_grpc:
        raise UsageError(f"target is {shown!r}, must be {forms} with protocol {config.protocol}")
    if url.scheme not in _PORTS or not url.hostname or not has_port:
        raise UsageError(f"target is {shown!r}, must be {forms}")
    if not _AUTHORITY.fullmatch(url.netloc):
        raise UsageError(f"target holds a user, a password or no host name, must be {forms}")
    if url.path not in ("", "/") or url.query or url.fragment:
        raise UsageError(
            f"target is {shown!r}, must be {forms}; what comes before the protocol's "
            "paths is path_prefix"
        )
    return url


def _read_authority(host: str) -> str:
    if not _AUTHORITY.fullmatch(host):
        raise UsageError(f"host is {host!r}, must be a host name, with :PORT if need be")
    return host


def _read_header(header: str) -> tuple[str, str]:
    # The value may be a secret: it is never shown.
    name, colon, value = header.partition(":")
    if not colon or not _TOKEN.fullmatch(name):
        shown = name if colon else "without a colon"
        raise UsageError(f"header {shown!r}: must be 'Name: value' with a name of RFC 9110")
    value = value.strip(" \t")
    if not _VALUE.fullmatch(value):
        raise UsageError(f"header {name}: its value holds a control or non-Latin-1 character")
    if name.lower() in _OWN_HEADERS:
        hint = "; the flag for it is host" if name.lower() == "host" else ""
        raise UsageError(f"header {name} is the client's own, must be left out{hint}")
    return name, value


def _resolve(host: str, port: int) -> tuple[tuple[str, int], ...]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else "no valid name"
        raise TargetError(f"target's host {host} does not resolve: {reason}") from None
    # The same address is told once for each protocol.
    addresses = dict.fromkeys((str(address[0]), int(address[1])) for *_, address in found)
    return tuple(addresses)
