"""The Kubernetes API, as much of it as the probe reads; nothing else here imports its client."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError, MaxRetryError
from urllib3.util import Retry
from yaml import YAMLError, safe_load

from loadtest.coldstart.clock import ClockSample
from loadtest.coldstart.pods import ImageEvents, Pod, parse_events, parse_pods
from loadtest.coldstart.service import ZeroService, check_service
from loadtest.errors import TargetError, UsageError
from loadtest.net.connection import describe

_LABEL: Final = "serving.kserve.io/inferenceservice"
_GROUP: Final = "serving.kserve.io"
# To connect, and to answer.
_TIMEOUTS_S: Final = (5.0, 15.0)
_RETRIES: Final = Retry(total=3, backoff_factor=0.2)


@dataclass(frozen=True, slots=True)
class PodList:
    """The pods of a service, and what the answer's Date tells of the server's clock."""

    pods: list[Pod]
    clock: ClockSample


class Cluster:
    """One namespace, read with the rights of a kubeconfig's context or of the pod this runs in.

    Every call raises TargetError where the API cannot be reached or forbids it.
    """

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        self.namespace = namespace
        self._host = api.configuration.host
        self._core = client.CoreV1Api(api)
        self._objects = client.CustomObjectsApi(api)

    def read_service(self, name: str) -> ZeroService:
        """Return the InferenceService; raises TargetError where it cannot be scaled to zero."""
        answer = self._ask(
            f"get {_GROUP}/inferenceservices",
            lambda: self._objects.get_namespaced_custom_object(
                _GROUP,
                "v1beta1",
                self.namespace,
                "inferenceservices",
                name,
                _preload_content=False,
                _request_timeout=_TIMEOUTS_S,
            ),
            missing=f"no InferenceService {name} in namespace {self.namespace}",
        )
        return check_service(json.loads(answer.data))

    def list_pods(self, service: str) -> PodList:
        """Return the service's pods as of now, those that are terminating included."""
        sent_ns = time.monotonic_ns()
        answer = self._ask(
            "list pods",
            lambda: self._core.list_namespaced_pod(
                self.namespace,
                label_selector=f"{_LABEL}={service}",
                _preload_content=False,
                _request_timeout=_TIMEOUTS_S,
            ),
        )
        received_ns = time.monotonic_ns()
        date = answer.headers.get("Date")
        if date is None:
            raise TargetError(
                f"the Kubernetes API at {self._host} answers without a Date header: its times "
                "cannot be told on this machine's clock"
            )
        date_s = int(parsedate_to_datetime(date).timestamp())
        pods = parse_pods(json.loads(answer.data)["items"])
        return PodList(pods, ClockSample(sent_ns, received_ns, date_s))

    def list_image_events(self, pod: Pod) -> ImageEvents | None:
        """Return what is told of the pod's image; None where events must not be read."""
        try:
            answer = self._ask(
                "list events",
                lambda: self._core.list_namespaced_event(
                    self.namespace,
                    field_selector=f"involvedObject.uid={pod.uid}",
                    _preload_content=False,
                    _request_timeout=_TIMEOUTS_S,
                ),
            )
        except PermissionMissing:
            return None
        return parse_events(json.loads(answer.data)["items"], pod.uid)

    def _ask(self, what: str, call: Callable[[], Any], *, missing: str | None = None) -> Any:
        try:
            return call()
        except ApiException as error:
            raise self._translate(what, error, missing) from None
        except HTTPError as error:
            raise TargetError(
                f"cannot reach the Kubernetes API at {self._host}: {_reason(error)}"
            ) from None

    def _translate(self, what: str, error: ApiException, missing: str | None) -> TargetError:
        match error.status:
            case HTTPStatus.FORBIDDEN:
                return PermissionMissing(
                    f"no permission to {what} in namespace {self.namespace}: the Kubernetes API "
                    f"at {self._host} forbids it"
                )
            case HTTPStatus.UNAUTHORIZED:
                return TargetError(f"the Kubernetes API at {self._host} refuses the credentials")
            case HTTPStatus.NOT_FOUND if missing and _names_object(error.body):
                return TargetError(missing)
            case HTTPStatus.NOT_FOUND:
                return TargetError(f"the Kubernetes API at {self._host} has no such API: {what}")
            case _:
                said = error.reason or error.status
                return TargetError(f"the Kubernetes API at {self._host} cannot {what}: {said}")


class PermissionMissing(TargetError):
    """The message names the verb and the resource."""


def open_cluster(kubeconfig: Path | None, context: str | None, namespace: str) -> Cluster:
    """Return the cluster of the kubeconfig's context, or that of the pod this runs in.

    None stands for the user's own kubeconfig and its current context. Raises UsageError for one
    that cannot be used, TargetError where there is no cluster.
    """
    settings = client.Configuration()
    given = f"--kubeconfig is {kubeconfig or 'unset'}, --context is {context or 'unset'}"
    if kubeconfig is not None:
        _check_readable(kubeconfig)
    try:
        config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=kubeconfig and str(kubeconfig),
            context=context,
            client_configuration=settings,
        )
    except ConfigException as error:
        if kubeconfig is not None or context is not None:
            raise UsageError(f"{given}: {_first_line(error)}") from None
        _load_in_cluster(settings, error)
    except (OSError, ValueError, TypeError, LookupError, AttributeError, YAMLError) as error:
        # The client looks at no type before it uses a field; what it says may quote a token.
        raise UsageError(f"{given}: it is no kubeconfig ({type(error).__name__})") from None
    settings.retries = _RETRIES
    return Cluster(client.ApiClient(settings), namespace)


def _check_readable(kubeconfig: Path) -> None:
    """Raise UsageError for what is no YAML mapping, before the client trips over it."""
    where = f"--kubeconfig is {kubeconfig}"
    try:
        if kubeconfig.exists() and not kubeconfig.is_file():
            raise UsageError(f"{where}, must be a regular file")
        content = safe_load(kubeconfig.read_bytes())
    except OSError as error:
        raise UsageError(f"{where}: {error.strerror}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        # The rest of what it says quotes the file.
        mark = getattr(error, "problem_mark", None)
        at = f" at line {mark.line + 1}" if mark else ""
        raise UsageError(f"{where}, must be YAML: it cannot be read{at}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{where}, must be a YAML mapping with clusters, users and contexts")


def _load_in_cluster(settings: client.Configuration, before: ConfigException) -> None:
    try:
        config.load_incluster_config(  # type: ignore[no-untyped-call]
            client_configuration=settings
        )
    except ConfigException:
        raise TargetError(
            f"no Kubernetes cluster: {_first_line(before)}, and this runs in no pod"
        ) from None


def _reason(error: HTTPError) -> str:
    """Return the system's own words, which urllib3 wraps twice."""
    found = error.reason if isinstance(error, MaxRetryError) else error
    for inner in (getattr(found, "__cause__", None), *getattr(found, "args", ())):
        if isinstance(inner, OSError) and inner.strerror:
            return describe(inner)
    return type(found).__name__


def _names_object(body: str | bytes | None) -> bool:
    """Whether a 404 tells of an object, not of the whole resource."""
    try:
        status: Mapping[str, Any] = json.loads(body or "")
    except ValueError:
        return False
    return bool(status.get("details", {}).get("name"))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")
