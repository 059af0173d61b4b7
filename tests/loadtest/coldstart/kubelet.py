"""Plays what runs pods: makes them, says how they come up, and takes them away again."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kubernetes import client, config

from loadtest.coldstart.pods import MODEL_CONTAINER, Mark

GROUP = ("serving.kserve.io", "v1beta1")


class Kubelet:
    """``true_ns`` holds between which times of CLOCK_MONOTONIC each thing really happened."""

    def __init__(self, kubeconfig: Path, service: str) -> None:
        self.kubeconfig = kubeconfig
        self.service = service
        self.namespace = f"cold-{uuid.uuid4().hex[:8]}"
        self.true_ns: dict[Mark, tuple[int, int]] = {}
        self._api = config.new_client_from_config(str(kubeconfig))
        self._core = client.CoreV1Api(self._api)
        self._objects = client.CustomObjectsApi(self._api)
        self._core.create_namespace({"metadata": {"name": self.namespace}})

    def close(self) -> None:
        self._core.delete_namespace(self.namespace)
        self._api.close()

    def make_service(self, **predictor: Any) -> None:
        """Make the InferenceService in Knative mode, with those fields of its predictor."""
        body = {
            "apiVersion": "/".join(GROUP),
            "kind": "InferenceService",
            "metadata": {
                "name": self.service,
                "annotations": {"serving.kserve.io/deploymentMode": "Knative"},
            },
            "spec": {"predictor": predictor},
        }
        self._objects.create_namespaced_custom_object(
            *GROUP, self.namespace, "inferenceservices", body
        )

    def make_pod(self, name: str = "r1-predictor-00001-a") -> Any:
        body = {
            "metadata": {
                "name": name,
                "labels": {"serving.kserve.io/inferenceservice": self.service},
            },
            "spec": {"containers": [{"name": MODEL_CONTAINER, "image": "r1"}]},
        }
        with self._happening(Mark.POD_CREATED):
            return self._core.create_namespaced_pod(self.namespace, body)

    def say_condition(self, pod: Any, mark: Mark, kind: str) -> None:
        with self._happening(mark):
            at = _now()
        condition = {"type": kind, "status": "True", "lastTransitionTime": at}
        self._patch(pod, {"conditions": [condition]})

    def say_started(self, pod: Any) -> None:
        with self._happening(Mark.STARTED):
            at = _now()
        status = {
            "name": MODEL_CONTAINER,
            "image": "r1",
            "imageID": "r1",
            "ready": False,
            "restartCount": 0,
            "state": {"running": {"startedAt": at}},
        }
        self._patch(pod, {"phase": "Running", "containerStatuses": [status]})

    def say_event(self, pod: Any, mark: Mark, reason: str) -> None:
        with self._happening(mark):
            at = _now()
        body = {
            "metadata": {"generateName": "r1-"},
            "involvedObject": {
                "kind": "Pod",
                "namespace": self.namespace,
                "name": pod.metadata.name,
                "uid": pod.metadata.uid,
                "fieldPath": f"spec.containers{{{MODEL_CONTAINER}}}",
            },
            "reason": reason,
            "firstTimestamp": at,
            "lastTimestamp": at,
        }
        self._core.create_namespaced_event(self.namespace, body)

    def bring_up(self, pause_s: float) -> None:
        """Take a pod through everything, with that long before each step."""
        time.sleep(pause_s)
        pod = self.make_pod()
        time.sleep(pause_s)
        self.say_condition(pod, Mark.SCHEDULED, "PodScheduled")
        time.sleep(pause_s)
        self.say_condition(pod, Mark.INITIALIZED, "Initialized")
        time.sleep(pause_s)
        self.say_event(pod, Mark.PULLING, "Pulling")
        time.sleep(pause_s)
        self.say_event(pod, Mark.PULLED, "Pulled")
        time.sleep(pause_s)
        self.say_started(pod)
        time.sleep(pause_s)
        self.say_condition(pod, Mark.READY, "Ready")
        time.sleep(pause_s)

    def remove_pods(self) -> None:
        self._core.delete_collection_namespaced_pod(self.namespace, grace_period_seconds=0)

    @contextmanager
    def _happening(self, mark: Mark) -> Iterator[None]:
        begun = time.monotonic_ns()
        yield
        self.true_ns[mark] = (begun, time.monotonic_ns())

    def _patch(self, pod: Any, status: dict[str, Any]) -> None:
        self._core.patch_namespaced_pod_status(
            pod.metadata.name, self.namespace, {"status": status}
        )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
