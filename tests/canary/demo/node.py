"""What a cluster does beside its controllers: pods become processes, traffic becomes routes."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.canary.demo import children
from tests.canary.demo.gateway import Gateway, sidecar
from tests.canary.simulator.contract import Api, at
from tests.canary.simulator.objects import REVISION

_PROGRAM = Path(sys.executable).parent / "r1-predictor"
# Far longer than Envoy takes to read its routes; Knative waits for its stable window, 60 s.
_LINGER_S = 3.0


@dataclass(slots=True)
class Pod:
    """A revision's one pod; it has a sidecar and a URL once it is Ready."""

    revision: str
    process: subprocess.Popen[bytes]
    log: Path
    # Ends the sidecar; the predictor's requests under way are answered first.
    sidecar: ExitStack = field(default_factory=ExitStack)
    url: str | None = None
    # Once its pod is gone; users may still be sent there for as long as a route takes.
    ends_at: float | None = None

    def end(self) -> None:
        """End the predictor, which answers what is under way, and then its sidecar."""
        children.end(self.process)
        self.sidecar.close()


class Node:
    """Of one service, called r1; ``faults`` are R1_FAULTS by image."""

    def __init__(
        self,
        api: Api,
        namespace: str,
        workdir: Path,
        gateway: Gateway,
        faults: Mapping[str, Mapping[str, float]],
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._workdir = workdir
        self._gateway = gateway
        self._faults = faults
        self._traffic: list[dict[str, Any]] = []
        self.pods: dict[str, Pod] = {}
        self.ready_file = workdir / "ready.json"
        self.targets_file = workdir / "user-port.yaml"
        self._tell()

    def step(self) -> None:
        """Bring processes and routes to where the API says that they should be."""
        service = self.service()
        traffic = at(service, "status.components.predictor.traffic") or []
        if traffic != self._traffic:
            self._gateway.route(traffic)
            self._traffic = traffic
        wanted = self._images()
        for revision in wanted.keys() - self.pods.keys():
            self.pods[revision] = self._start(revision, wanted[revision])
        for pod in list(self.pods.values()):
            if pod.revision in wanted:
                self._look_at(pod)
            else:
                self._let_go(pod)

    def is_serving(self) -> bool:
        """Say whether users get answers by the gateway."""
        return any(target["percent"] for target in self._traffic)

    def close(self) -> None:
        """End every predictor and its sidecar."""
        for pod in self.pods.values():
            pod.end()

    def service(self) -> dict[str, Any]:
        """Return the InferenceService as it is now."""
        path = f"/apis/serving.kserve.io/v1beta1/namespaces/{self._namespace}/inferenceservices/r1"
        found: dict[str, Any] = self._api.ask("GET", path).body
        return found

    def _images(self) -> dict[str, str]:
        """Return the image of each revision that has a pod."""
        pods = self._api.ask("GET", f"/api/v1/namespaces/{self._namespace}/pods").body["items"]
        revisions = {pod["metadata"]["labels"][REVISION] for pod in pods}
        path = f"/apis/serving.knative.dev/v1/namespaces/{self._namespace}/revisions"
        return {
            item["metadata"]["name"]: item["spec"]["containers"][0]["image"]
            for item in self._api.ask("GET", path).body["items"]
            if item["metadata"]["name"] in revisions
        }

    def _start(self, revision: str, image: str) -> Pod:
        log = self._workdir / f"{revision}.log"
        faults = self._faults.get(image, {})
        shown = f"R1_FAULTS='{json.dumps(faults)}' " if faults else ""
        command = ["--model-dir=demo", "--http-port=0", "--grpc-port=0", "--grace-period-s=2"]
        children.say(f"$ K_REVISION={revision} {shown}r1-predictor {' '.join(command)}")
        environment = {"K_REVISION": revision, "R1_FAULTS": json.dumps(faults)}
        process = children.start([_PROGRAM, *command], log, environment)
        return Pod(revision, process, log)

    def _look_at(self, pod: Pod) -> None:
        """Give a predictor that has just become ready its sidecar, and tell of it."""
        assert pod.process.poll() is None, pod.log.read_text()
        if pod.url is not None:
            return
        output = pod.log.read_text()
        found = re.search(r"REST +(\S+)", output)
        if found is None or "Ask it:" not in output:
            return
        port = urlsplit(found.group(1)).port
        assert port is not None, output
        workdir = self._workdir / f"{pod.revision}.sidecar"
        at_port = self._gateway.add(pod.revision)
        pod.sidecar.enter_context(sidecar(workdir, self._gateway.authority, at_port, port))
        pod.url = found.group(1)
        self._tell()

    def _let_go(self, pod: Pod) -> None:
        """End a pod that Knative has deleted, once the gateway has been told for a while."""
        now = time.monotonic()
        if pod.ends_at is None:
            pod.ends_at = now + _LINGER_S
        elif now > pod.ends_at:
            del self.pods[pod.revision]
            self._tell()
            pod.end()

    def _tell(self) -> None:
        """Tell Prometheus and the controllers which revisions are Ready."""
        ready = {pod.revision: pod.url for pod in self.pods.values() if pod.url is not None}
        targets = [
            {"targets": [urlsplit(url).netloc], "labels": self._labels(revision)}
            for revision, url in ready.items()
        ]
        _replace(self.targets_file, yaml.safe_dump(targets))
        _replace(self.ready_file, json.dumps(sorted(ready)))

    def _labels(self, revision: str) -> dict[str, str]:
        return {
            "__meta_kubernetes_namespace": self._namespace,
            "__meta_kubernetes_pod_name": f"{revision}-deployment-0",
            "__meta_kubernetes_pod_container_name": "kserve-container",
            "__meta_kubernetes_pod_label_serving_knative_dev_revision": revision,
            "__meta_kubernetes_pod_label_serving_knative_dev_service": "r1-predictor",
        }


def _replace(path: Path, text: str) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(text)
    os.replace(beside, path)
