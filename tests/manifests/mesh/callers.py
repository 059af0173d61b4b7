"""Requests as they are written: no path is tidied, no header added."""

import http.client
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from tests.manifests.mesh.frames import status_of
from tests.manifests.mesh.identities import Identity

TIMEOUT_S = 30


@dataclass(frozen=True)
class Caller:
    """Plain text, or TLS with a certificate or without one; the server's name is for gateways."""

    identity: Identity | None = None
    is_plain: bool = False
    server_name: str | None = None
    max_version: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED


@dataclass(frozen=True)
class Answer:
    """``status`` is None where the connection was refused or ended."""

    status: int | None
    headers: dict[str, str]
    body: str = ""


def ask(
    port: int,
    caller: Caller,
    method: str,
    path: str,
    headers: Sequence[tuple[str, str]],
) -> Answer:
    with connect(port, caller) as connection:
        return ask_again(connection, method, path, headers)


def ask_over_http2(
    port: int,
    caller: Caller,
    method: str,
    path: str,
    headers: Sequence[tuple[str, str]],
) -> Answer:
    (_, host), *rest = headers
    pseudo = [(":method", method), (":scheme", "https"), (":path", path), (":authority", host)]
    with connect(port, caller) as connection:
        connection.connect()
        return Answer(status_of(connection.sock, [*pseudo, *rest]), {})


def connect(port: int, caller: Caller) -> "Connection":
    return Connection(port, caller)


class Connection(http.client.HTTPConnection):
    """One that is kept between requests."""

    def __init__(self, port: int, caller: Caller) -> None:
        super().__init__("127.0.0.1", port, timeout=TIMEOUT_S)
        self._caller = caller

    def connect(self) -> None:
        super().connect()
        if not self._caller.is_plain:
            name = self._caller.server_name
            self.sock = _context(self._caller).wrap_socket(self.sock, server_hostname=name)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def ask_again(
    connection: Connection, method: str, path: str, headers: Sequence[tuple[str, str]]
) -> Answer:
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("content-length", "0")
        connection.endheaders()
        response = connection.getresponse()
        body = response.read().decode()
    except (ssl.SSLError, ConnectionError, http.client.BadStatusLine):
        return Answer(None, {})
    return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, body)


@cache
def _context(caller: Caller) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # What a server may be is the clusters' to verify; here the servers judge.
    context.verify_mode = ssl.CERT_NONE
    if caller.max_version is not ssl.TLSVersion.MAXIMUM_SUPPORTED:
        # OpenSSL counts versions below 1.2 among what is not secure.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = caller.max_version
    if caller.identity is not None:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(caller.identity.certificate + caller.identity.key)
            file.flush()
            context.load_cert_chain(file.name)
    return context
