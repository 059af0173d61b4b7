"""A single GET beside the load, with the target's own trust and credentials."""

import http.client
import socket
from typing import Final

from loadtest.config import RunConfig
from loadtest.net.endpoint import Endpoint
from loadtest.net.tls import make_tls

_TIMEOUT_S: Final = 10.0
_MAX_BYTES: Final = 1 << 20


def get(config: RunConfig, endpoint: Endpoint, path: str) -> tuple[int, bytes]:
    """Return status and body, at most 1 MiB of it; raises OSError or HTTPException."""
    address = endpoint.addresses[0]
    connection = http.client.HTTPConnection(*address)
    sock = socket.create_connection(address, _TIMEOUT_S)
    try:
        if tls := make_tls(config, ("http/1.1",)):
            sock = tls(sock)
            sock.do_handshake()
        connection.sock = sock
        headers = dict(endpoint.headers) | {"Host": endpoint.authority}
        if authorization := endpoint.authorization():
            headers["Authorization"] = authorization
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read(_MAX_BYTES)
    finally:
        sock.close()
