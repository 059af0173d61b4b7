"""A REST case and its builders: requests as the very bytes that are sent."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

# No error may repeat it.
PROMPT = "SECRET-PROMPT what is 2+2?"
MODEL = "/v2/models/r1"
Body = bytes | str | dict[str, Any] | list[Any] | int | None


class Case(NamedTuple):
    """A request with the status and some words of its answer; 200 has the words in its body."""

    request: bytes
    status: int
    words: str


def http(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Return a request with a Content-Length; ``x_y`` is the header x-y."""
    lines = [f"{method} {path} HTTP/1.1", "Host: a"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def get(path: str, **headers: str) -> bytes:
    return http("GET", path, **headers)


def post(path: str, body: Body, **headers: str) -> bytes:
    """Return a POST of these bytes, of this text, or of anything else as JSON."""
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = json.dumps(body, ensure_ascii=False).encode()
    return http("POST", path, body, **headers)


def infer(body: Body, **headers: str) -> bytes:
    return post(f"{MODEL}/infer", body, **headers)


def chunked(path: str, *chunks: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(data), data) for data in (*chunks, b""))


def tensor(name: str, data: Any, datatype: str = "BYTES", **members: Any) -> dict[str, Any]:
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": data, **members}


TEXT = tensor("text_input", [PROMPT])


def asking(*tensors: Any, **members: Any) -> bytes:
    """Return an infer request of the prompt, further tensors and further members."""
    return infer({"inputs": [TEXT, *tensors], **members})


def only(*tensors: Any, **members: Any) -> bytes:
    """The same without the prompt."""
    return infer({"inputs": tensors, **members})


def bad(requests: Mapping[str, tuple[bytes, str]], status: int = 400) -> dict[str, Case]:
    """Return cases that all have one status."""
    return {name: Case(request, status, words) for name, (request, words) in requests.items()}
