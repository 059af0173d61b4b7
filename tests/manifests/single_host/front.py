"""A real nginx on the folder's own configuration, and clients of it."""

import getpass
import itertools
import json
import re
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import grpc
import httpx

from tests.manifests.ports import free_ports
from tests.predictor.server.gauges import wait_until

FOLDER = Path(__file__).parents[3] / "manifests" / "single-host"
SERVER_NAME = "r1.example.com"
PORTS = (8080, 8081, 8082, 8083)
# Nobody listens on these.
DOWN = (1, 2, 3, 4)
SYSLOG = "syslog:server=unix:/dev/log,tag=r1_front,nohostname"
TEMP_PATHS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
NUM_KEYS = 200


@dataclass
class Front:
    """A started nginx; every client that it makes has a key, and so a rate limit, of its own."""

    directory: Path
    http_port: int
    https_port: int
    password: str
    keys: Iterator[str]
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.https_port}"

    @property
    def certificate(self) -> Path:
        return self.directory / "r1/tls/cert.pem"

    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {next(self.keys)}"}

    def client(self, headers: Mapping[str, str] | None = None) -> httpx.Client:
        """Return a client that connects anew for each request."""
        return httpx.Client(
            base_url=self.url,
            verify=self.trust(),
            headers=self.bearer() if headers is None else headers,
            limits=httpx.Limits(max_keepalive_connections=0),
            timeout=60,
        )

    def channel(self) -> grpc.Channel:
        credentials = grpc.ssl_channel_credentials(self.certificate.read_bytes())
        options = [
            ("grpc.ssl_target_name_override", SERVER_NAME),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        return grpc.secure_channel(f"127.0.0.1:{self.https_port}", credentials, options)

    def ask_raw(self, request: bytes) -> bytes:
        """Return the answer to bytes that no client would send, and that end the connection."""
        with self.send_raw(request) as answer:
            return answer.read()

    @contextmanager
    def send_raw(self, request: bytes) -> Iterator[BinaryIO]:
        with (
            socket.create_connection(("127.0.0.1", self.https_port), 20) as connection,
            self.trust().wrap_socket(connection) as encrypted,
            encrypted.makefile("rb") as answer,
        ):
            encrypted.sendall(request)
            yield answer

    def trust(self) -> ssl.SSLContext:
        trust = ssl.create_default_context(cafile=str(self.certificate))
        trust.check_hostname = False
        return trust

    def access_log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log("access").splitlines()]

    def line_of(self, request_id: str) -> dict[str, Any]:
        """Return the request's line, which nginx writes after the answer."""
        found: list[dict[str, Any]] = []

        def find() -> bool:
            found[:] = [line for line in self.access_log() if line["request_id"] == request_id]
            return bool(found)

        wait_until(find)
        return found[0]

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text()

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["nginx", "-p", self.directory, "-c", "nginx.conf", "-g", "daemon off;"]
        )
        wait_until(self.is_listening)

    def is_listening(self) -> bool:
        assert self.process.poll() is None, "nginx ended"
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self.https_port)) == 0

    def reload(self) -> None:
        """Return when the workers of the old configuration are gone."""
        before = self.workers()
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: bool(self.workers()) and not self.workers() & before)

    def workers(self) -> set[str]:
        pid = self.process.pid
        return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


def lay_out(directory: Path, backends: Sequence[int | None], rewrites: Mapping[str, str]) -> Front:
    """Copy nginx's part of the folder with other addresses, paths and, where given, more.

    ``backends`` are the ports that stand for PORTS, None where nobody is to listen. A rewrite whose
    text is not there is an error.
    """
    shutil.copytree(FOLDER / "etc/nginx", directory, dirs_exist_ok=True)
    http_port, https_port = free_ports(2)
    temp_paths = "".join(f" {name}_temp_path temp/{name};" for name in TEMP_PATHS)
    (directory / "temp").mkdir()
    ours = {
        "user www-data;": f"user {getpass.getuser()};",
        "worker_processes auto;": "worker_processes 2;",
        "pid /run/nginx.pid;": f"pid {directory}/nginx.pid;",
        f"error_log {SYSLOG}": f"error_log {directory}/error.log",
        f"access_log {SYSLOG}": f"access_log {directory}/access.log",
        "\nhttp {": "\nhttp {" + temp_paths,
        "listen 80;": f"listen 127.0.0.1:{http_port};",
        "listen [::]:80;": "",
        "listen 443 ssl": f"listen 127.0.0.1:{https_port} ssl",
        "listen [::]:443 ssl http2;": "",
    }
    texts = {path: path.read_text() for path in directory.rglob("*.conf")}
    for old, new in (ours | rewrites).items():
        assert any(old in text for text in texts.values()), old
        texts = {path: text.replace(old, new) for path, text in texts.items()}
    mapped = {
        str(port): str(backend or nobody)
        for port, backend, nobody in zip(PORTS, backends, DOWN, strict=True)
    }
    at_port = re.compile(rf"(?<=:)({'|'.join(mapped)})\b")
    for path, text in texts.items():
        path.write_text(at_port.sub(lambda match: mapped[match.group()], text))
    password, keys = make_credentials(directory)
    return Front(directory, http_port, https_port, password, iter(keys))


def make_credentials(directory: Path) -> tuple[str, list[str]]:
    """Run the README's commands for a certificate, a key and a password; return what they print."""
    (commands,) = re.findall(r"```sh credentials\n(.*?)```", readme(), re.DOTALL)
    commands = commands.replace("/etc/nginx", str(directory)).replace("chgrp", ": chgrp")
    ran = subprocess.run(
        ["bash", "-eu", "-c", commands], capture_output=True, text=True, check=True
    )
    key, password = ran.stdout.split()
    # And more keys of the same form, one a client.
    keys = [secrets.token_hex(len(key) // 2) for _ in range(NUM_KEYS)]
    with (directory / "r1/keys.map").open("a") as file:
        file.writelines(
            f'"Bearer {key}" client-{number};\n' for number, key in zip(itertools.count(), keys)
        )
    return password, keys


def readme() -> str:
    return (FOLDER / "README.md").read_text()
