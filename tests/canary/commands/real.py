"""A universe whose API is a real one: kubectl asks it directly, the tool by way of this process."""

from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from kubernetes import config

from tests.canary.simulator.behaviour import GOOD
from tests.canary.simulator.contract import api_of
from tests.canary.simulator.controller import Controller
from tests.canary.simulator.prometheus import Prometheus
from tests.canary.simulator.server import Request, Response
from tests.canary.simulator.universe import Universe

_SENT = ("content-type", "user-agent")


class RealUniverse(Universe):
    """Its answers bear the virtual clock's Date; all else is the real server's."""

    def __init__(self, kubeconfig: Path, namespace: str, *, start: float) -> None:
        super().__init__({}, start=start)
        client = config.new_client_from_config(str(kubeconfig))
        self._pool = client.rest_client.pool_manager
        self._host = client.configuration.host
        token = client.configuration.get_api_key_with_prefix("BearerToken", "authorization")
        self._credentials = {"Authorization": token} if token else {}
        self._namespace = namespace
        self.direct = api_of(kubeconfig)
        self.controller = Controller(self.direct, namespace, behaviour_of=lambda predictor: GOOD)
        self.prometheus = Prometheus(
            self.controller, namespace, requests_per_s=200.0, seed=1, start=start
        )

    @property
    def services(self) -> str:
        return f"/apis/serving.kserve.io/v1beta1/namespaces/{self._namespace}/inferenceservices"

    def create(self, service: dict[str, Any]) -> None:
        body = {"metadata": {"name": self._namespace}}
        self.direct.ask("POST", "/api/v1/namespaces", body)
        answer = self.direct.ask("POST", self.services, service)
        assert answer.status == 201, answer.body
        self.advance(self.now + 120.0)

    def service(self, name: str) -> dict[str, Any]:
        return dict(self.direct.ask("GET", f"{self.services}/{name}").body)

    def handle(self, request: Request) -> Response:
        if not request.path.startswith(("/api/", "/apis/", "/version")):
            return super().handle(request)
        url = f"{self._host}{request.path}?{urlencode(request.query)}"
        headers = self._credentials | {n: v for n, v in request.headers.items() if n in _SENT}
        got = self._pool.request(request.method, url, body=request.body or None, headers=headers)
        date = formatdate(int(self.now), usegmt=True)
        shown = {"Content-Type": got.headers["Content-Type"], "Date": date}
        return Response(got.status, got.data, shown)
