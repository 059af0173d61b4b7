"""What is wrong with the head of a request that a lenient parser lets through."""

from collections.abc import Sequence

import httptools

Headers = Sequence[tuple[bytes, bytes]]


def find_fault(method: bytes, target: bytes, version: str, headers: Headers) -> str | None:
    """Return what an HTTP/1.1 server must refuse in a head (RFC 9112), as a sentence."""
    # HTTP/0.9 has no headers, and HTTP/2 a preface; taken for 1.1 they would part from a proxy's
    # view of the same bytes.
    if version not in ("1.0", "1.1"):
        return f"the request is malformed HTTP: version {version} is not served"
    if method == b"CONNECT" or not _has_path(target):
        return "the request is a CONNECT or its target has no path"
    num_hosts = sum(name == b"host" for name, _ in headers)
    if num_hosts > 1 or (num_hosts == 0 and version == "1.1"):
        return f"the request has {num_hosts} Host headers, must have 1"
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if codings and b",".join(codings).strip().lower() != b"chunked":
        return "the request is malformed HTTP: the only transfer coding that is read is chunked"
    return None


def _has_path(target: bytes) -> bool:
    try:
        return httptools.parse_url(target).path is not None
    except httptools.HttpParserInvalidURLError:
        return False
