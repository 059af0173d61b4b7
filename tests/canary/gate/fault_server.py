"""A V2 server that answers as a test says."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# A body, or a status.
Reply = object


@dataclass
class Server:
    """``infer`` and ``stream`` get the prompt; what they return is sent."""

    infer: Callable[[str], Reply]
    stream: Callable[[str], Reply] = lambda _: {"text_output": ""}
    models: Reply = field(default_factory=lambda: {"models": ["r1"]})
    ready: Reply = field(default_factory=lambda: {"name": "r1", "ready": True})
    port: int = 0
    # Of every request: path, and headers in lower case.
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reply(self, path: str, body: Any) -> tuple[Reply, str]:
        if path.endswith("/infer"):
            return self.infer(body["inputs"][0]["data"][0]), "{}"
        if path.endswith("/generate_stream"):
            return self.stream(body["text_input"]), "data: {}\n\n"
        return (self.ready if path.endswith("/ready") else self.models), "{}"


def answering(text: str) -> dict[str, object]:
    """Return the body of an answer."""
    return {"outputs": [{"name": "text_output", "shape": [1], "data": [text]}]}


@contextmanager
def serving(server: Server, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else a body waits for the client to acknowledge the head, 40 ms later.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.seen.append((self.path, headers))
            length = int(headers.get("content-length", "0"))
            body = json.loads(self.rfile.read(length)) if length else None
            reply, form = server.reply(self.path, body)
            status = reply if isinstance(reply, int) else 200
            text = reply if isinstance(reply, str) else form.replace("{}", json.dumps(reply))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_POST = do_GET  # noqa: N815 - http.server looks for this name.

        def handle(self) -> None:
            with suppress(OSError):
                super().handle()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        server.port = listening.server_port
        if tls is not None:
            listening.socket = tls.wrap_socket(listening.socket, server_side=True)
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        listening.shutdown()
        thread.join()
