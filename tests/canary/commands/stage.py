"""The commands as processes of their own, on the clock of a universe that this process runs."""

import json
import os
import pty
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import yaml

from canary import __main__ as tool
from canary.commands.surroundings import Surroundings
from tests.canary.simulator.server import Dropped, NotYet, Request, Response, Server
from tests.canary.simulator.services import predictor
from tests.canary.simulator.universe import Universe
from tests.canary.soak.process import SLEEPER, ChildClock, SharedClock, fork
from tests.loadtest.net.certificates import Authority

NAME = "r1"
WALL_S = 90.0
LEFT_OUT = (
    *("inter_token", "longest_gap", "tokens_per_second"),
    *("finish_reasons", "output_length", "refused"),
)
API = ("/api/", "/apis/", "/version")


@dataclass(slots=True)
class Child:
    """A command under way; ``status`` is None until it has ended."""

    pid: int
    out_path: Path
    err_path: Path
    tty: int | None = None
    status: int | None = None
    screen: bytes = b""

    @property
    def out(self) -> str:
        return self.screen.decode() if self.tty else self.out_path.read_text()

    @property
    def err(self) -> str:
        return self.err_path.read_text()

    @property
    def documents(self) -> list[Any]:
        """Every line of stdout as JSON; raises where one is none."""
        return [json.loads(line) for line in self.out.splitlines()]

    def kill(self, number: int) -> None:
        os.kill(self.pid, number)

    def poll(self) -> None:
        if self.tty is not None and self.status is None:
            self._read_tty()
        if self.status is None:
            found, status = os.waitpid(self.pid, os.WNOHANG)
            if found:
                self.status = os.waitstatus_to_exitcode(status)
                if self.tty is not None:
                    self._read_tty()

    def _read_tty(self) -> None:
        assert self.tty is not None
        # Nothing more to read is BlockingIOError; OSError, once the command has ended.
        with suppress(OSError):
            while part := os.read(self.tty, 1 << 16):
                self.screen += part


@dataclass
class Stage:
    """``plan`` is what the rollout file says beside the service, the namespace and the manifest."""

    universe: Universe
    folder: Path
    namespace: str = "r1"
    is_api_away: bool = False
    # Called after each request was carried out; where it is true the last child is killed, and
    # never sees the answer.
    kills: Callable[[Request], bool] = lambda request: False
    children: list[Child] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.clock = SharedClock()
        self.clock.set(self.universe.now)
        self.server = Server(self._handle)
        self.kubeconfig = self.folder / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(_config(self.server.url)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in self.children:
            child.poll()
            if child.status is None:
                child.kill(signal.SIGKILL)
                os.waitpid(child.pid, 0)
            if child.tty is not None:
                os.close(child.tty)
        self.server.close()

    def write(self, image: str = "good", name: str = "rollout.yaml", **settings: Any) -> Path:
        """Write a rollout file, and its manifest beside it; return its path."""
        path = self.folder / name
        manifest = path.with_suffix(".manifest.yaml")
        plan = _plan(self.server.url, Authority(self.folder).path) | settings
        plan |= {"service": NAME, "namespace": self.namespace, "manifest": manifest.name}
        path.write_text(yaml.safe_dump(plan))
        service = {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {"name": NAME, "namespace": self.namespace},
            "spec": {"predictor": predictor(image)},
        }
        manifest.write_text(yaml.safe_dump(service))
        return path

    def start(self, *arguments: str | Path, is_on_tty: bool = False) -> Child:
        """Start a command; it goes on while ``serve`` is called."""
        number = len(self.children)
        out, err = (self.folder / f"{number}.{stream}" for stream in ("out", "err"))
        out.touch()
        controlling, tty = pty.openpty() if is_on_tty else (None, None)
        if controlling is not None:
            os.set_blocking(controlling, False)
        given = [str(argument) for argument in arguments]

        def command() -> int:
            _redirect(out, tty)
            clock = ChildClock(self.server.url, self.clock)
            surroundings = Surroundings(clock.sleep, clock.monotonic, Random(number))
            return tool.main(given, surroundings)

        with err.open("w") as log:
            pid = fork(self.server, command, None, log)
        if tty is not None:
            os.close(tty)
        child = Child(pid, out, err, controlling)
        self.children.append(child)
        return child

    def serve(self, until: Callable[[], object]) -> None:
        """Answer every child until it is so."""
        deadline = time.monotonic() + WALL_S
        while not until():
            assert time.monotonic() < deadline, [(c.out[-2000:], c.err) for c in self.children]
            self.server.turn(0.02)
            for child in self.children:
                child.poll()

    def end(self, child: Child) -> Child:
        """Answer until the command has ended."""
        self.serve(lambda: child.status is not None)
        return child

    def kill(self, child: Child) -> None:
        """End a command at once: what it has asked for and was not answered is never done."""
        child.kill(signal.SIGKILL)
        _, status = os.waitpid(child.pid, 0)
        child.status = os.waitstatus_to_exitcode(status)
        assert not self._living, "the connections of the others would end too"
        self.server.drop_connections()

    def do(self, *arguments: str | Path) -> Child:
        """Run a command to its end, on this stage's cluster."""
        return self.end(self.start(*arguments, "--kubeconfig", self.kubeconfig))

    def do_offline(self, *arguments: str | Path) -> Child:
        """Run a command that asks no cluster to its end."""
        return self.end(self.start(*arguments))

    def begin(self, file: Path, *options: str | Path) -> Child:
        """Start ``run``."""
        return self.start("run", file, "--kubeconfig", self.kubeconfig, *options)

    @property
    def service(self) -> str:
        return f"{self.namespace}/{NAME}"

    @property
    def percent(self) -> int | None:
        """What the spec asks for."""
        found: int | None = self._predictor().get("canaryTrafficPercent")
        return found

    @property
    def image(self) -> str:
        return str(self._predictor()["containers"][0]["image"])

    def stored(self) -> dict[str, Any]:
        """Return the data of the ConfigMap."""
        path = f"/api/v1/namespaces/{self.namespace}/configmaps/{NAME}-canary"
        return dict(self.universe.direct.ask("GET", path).body.get("data") or {})

    def phase(self) -> str | None:
        rollout = self.stored().get("rollout")
        return json.loads(rollout)["rollout"]["phase"] if rollout else None

    def hold(self) -> dict[str, Any] | None:
        rollout = self.stored().get("rollout")
        return json.loads(rollout)["rollout"]["hold"] if rollout else None

    def events(self) -> list[str]:
        """Return the reason of each Event that the tool has told."""
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        items = self.universe.direct.ask("GET", path).body["items"]
        told = [i for i in items if i.get("reportingController") == "r1-canary"]
        return [item["reason"] for item in sorted(told, key=lambda item: item["eventTime"])]

    def _predictor(self) -> dict[str, Any]:
        return dict(self.universe.service(NAME)["spec"]["predictor"])

    @property
    def _living(self) -> list[int]:
        return [child.pid for child in self.children if child.status is None]

    def _await_turn(self, sleeper: Request) -> None:
        """Raise NotYet while another child is awake, or is to wake sooner.

        So time passes only while all of them sleep, however busy this machine is.
        """
        sleeping = [each for each in self.server.waiting if each.path == "/advance"]
        untils = {int(each.headers[SLEEPER]): _until(each) for each in sleeping}
        own, living = int(sleeper.headers[SLEEPER]), self._living
        if own not in living:
            raise Dropped
        if not untils.keys() >= {*living} or own != min(living, key=lambda pid: untils[pid]):
            raise NotYet

    def _handle(self, request: Request) -> Response:
        if request.path == "/advance":
            self._await_turn(request)
        if self.is_api_away and request.path.startswith(API):
            raise Dropped
        try:
            response = self.universe.handle(request)
        finally:
            self.clock.set(self.universe.now)
        if self.kills(request):
            self.children[-1].kill(signal.SIGKILL)
            raise Dropped
        return response


def _until(sleeper: Request) -> float:
    until: float = json.loads(sleeper.body)["until"]
    return until


def _redirect(out: Path, tty: int | None) -> None:
    """Give this process its own stdout and stderr, which are pytest's until now."""
    file = os.open(out, os.O_WRONLY | os.O_APPEND) if tty is None else tty
    os.dup2(file, 1)
    os.environ |= {"COLUMNS": "110", "LINES": "40", "TERM": "xterm-256color"}
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)


def _plan(url: str, ca: Path) -> dict[str, Any]:
    return {
        "steps": [{"percent": 10, "min_duration": "30s", "min_requests": 100}],
        "bake": {"percent": 50, "min_duration": "30s", "min_requests": 500},
        "gate": None,
        "metrics": {"ttft": {"edges": [0.3, 0.5]}} | dict.fromkeys(LEFT_OUT),
        # Of one certificate: nothing here speaks TLS, and to load the machine's own takes long.
        "prometheus": {"url": f"{url}/prometheus", "ca_file": str(ca)},
        "limits": {"start": "200s", "rollback": "60s", "promote": "120s", "unwatched": "300s"},
    }


def _config(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "stage",
        "clusters": [{"name": "stage", "cluster": {"server": url}}],
        "users": [{"name": "stage", "user": {"token": "stage"}}],
        "contexts": [{"name": "stage", "context": {"cluster": "stage", "user": "stage"}}],
    }
