"""The way to an API server: the kubernetes client's settings, credentials and HTTP."""

import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final
from urllib.parse import urlencode

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError
from yaml import YAMLError, safe_load

from canary.cluster.api import Api
from canary.cluster.cluster import Cluster
from canary.cluster.transport import NoAnswer, NotSent, Request, Response, Transport
from canary.errors import InputError, Unreachable

# Seconds to connect, and between two bytes of an answer.
CONNECT_S: Final = 5.0
READ_S: Final = 10.0
_AGENT: Final = "r1-canary"


def connect(
    kubeconfig: Path | None,
    context: str | None,
    *,
    rng: Random,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Cluster:
    """Return the cluster of the kubeconfig's context, or that of the pod this runs in.

    None stands for the user's own kubeconfig and its current context. Raises InputError for one
    that cannot be used, Unreachable where no cluster answers.
    """
    transport = open_transport(kubeconfig, context)
    cluster = Cluster(Api(transport, rng=rng, sleep=sleep, monotonic=monotonic))
    cluster.now()
    return cluster


def open_transport(
    kubeconfig: Path | None, context: str | None, *, read_s: float = READ_S
) -> Transport:
    """Return the way to an API server that nobody has asked yet; raises as ``connect`` does."""
    return _KubernetesTransport(client.ApiClient(_settings(kubeconfig, context)), read_s)


class _KubernetesTransport:
    """Requests by the kubernetes client, without its own retries."""

    def __init__(self, api_client: client.ApiClient, read_s: float) -> None:
        api_client.user_agent = _AGENT
        self.host = str(api_client.configuration.host)
        self._client = api_client
        self._read_s = read_s

    def exchange(self, request: Request) -> Response:
        """Send once."""
        url = f"{self.host}{request.path}"
        if request.query:
            url += f"?{urlencode(request.query)}"
        read_s = self._read_s if request.read_s is None else min(self._read_s, request.read_s)
        headers = dict(self._client.default_headers)
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        self._client.update_params_for_auth(
            headers, [], ["BearerToken"], request.path, request.method, request.body
        )
        try:
            answer = self._client.call_api(
                request.method, url, headers, request.body, _request_timeout=(CONNECT_S, read_s)
            )
            body = answer.read()  # type: ignore[no-untyped-call]
        except ApiException as error:
            # What the client makes of a failed TLS handshake.
            raise Unreachable(f"no TLS with {self.host}: {_first_line(error.reason)}") from None
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise NotSent(f"no connection: {_system_words(error)}") from None
        except ReadTimeoutError:
            raise NoAnswer(f"no answer within {read_s:g} s") from None
        except HTTPError as error:
            raise NoAnswer(f"the connection broke: {_system_words(error)}") from None
        received = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status, received, body)


def _settings(kubeconfig: Path | None, context: str | None) -> client.Configuration:
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
            raise InputError(f"{given}: {_first_line(error)}") from None
        _load_in_cluster(settings, error)
    except (OSError, ValueError, TypeError, LookupError, AttributeError, YAMLError) as error:
        # The client looks at no type before it uses a field; what it says may quote a token.
        raise InputError(f"{given}: it is no kubeconfig ({type(error).__name__})") from None
    # Ours know what is safe to send twice.
    settings.retries = False
    return settings


def _load_in_cluster(settings: client.Configuration, before: ConfigException) -> None:
    try:
        config.load_incluster_config(  # type: ignore[no-untyped-call]
            client_configuration=settings
        )
    except ConfigException:
        raise Unreachable(
            f"no Kubernetes cluster: {_first_line(before)}, and this runs in no pod"
        ) from None


def _check_readable(kubeconfig: Path) -> None:
    """Raise InputError for what is no YAML mapping, before the client trips over it."""
    where = f"--kubeconfig is {kubeconfig}"
    try:
        content = safe_load(kubeconfig.read_bytes())
    except OSError as error:
        raise InputError(f"{where}: {error.strerror}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        # The rest of what it says quotes the file.
        mark = getattr(error, "problem_mark", None)
        at = f" at line {mark.line + 1}" if mark else ""
        raise InputError(f"{where}, must be YAML: it cannot be read{at}") from None
    if not isinstance(content, dict):
        raise InputError(f"{where}, must be a YAML mapping with clusters, users and contexts")


def _system_words(error: HTTPError) -> str:
    """Return the system's own words, which urllib3 wraps."""
    for inner in (error.__cause__, *error.args):
        if isinstance(inner, OSError):
            return inner.strerror or type(inner).__name__
    return type(error).__name__


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0]
