"""A real predictor behind every hop: streams, gRPC, and what it makes of odd paths."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any

import grpc
import pytest

from predictor.protocol import messages
from tests.manifests.mesh import envoy
from tests.manifests.mesh.callers import Caller, ask, connect
from tests.manifests.mesh.cells import ACTIVATOR, FRONTEND, HOST
from tests.manifests.mesh.conftest import Doors, doors, objects, opened
from tests.manifests.mesh.test_paths import DECODED
from tests.manifests.mesh.topology import DOORS, Mesh, Trust
from tests.manifests.ports import free_ports
from tests.predictor.server.conftest import Predictor, own_predictors
from tests.predictor.server.gauges import IDLE, held, wait_until

OUTSIDE = "r1.example.com"
STEP_DELAY_S = 0.01
NUM_TOKENS = 16
# Of half a minute.
MANY_TOKENS = 3000
MANY = 1000
PROMPT = b"what is 128 + 367?"


@pytest.fixture(scope="module")
def slow_predictor() -> Iterator[Predictor]:
    with own_predictors() as start:
        yield start("--model-dir=demo", R1_FAULTS=json.dumps({"step_delay_s": STEP_DELAY_S}))


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, trust: Trust, slow_predictor: Predictor
) -> Iterator[Doors]:
    """One mesh before each of its ports, and a client's own sidecar before Knative's gateway."""
    documents = objects()
    admin, client, *rest = free_ports(2 + 3 * len(DOORS))
    ports = iter(rest)
    rest_port, grpc_port = (
        int(address.rpartition(":")[2])
        for address in (slow_predictor.url, slow_predictor.grpc_address)
    )
    rpc = Mesh("grpc", documents, trust, grpc_port, doors(ports), pods_protocol=envoy.HTTP_2)
    meshes: dict[object, Mesh] = {
        "rest": Mesh("rest", documents, trust, rest_port, doors(ports)),
        "default paths": Mesh(
            "base", documents, trust, rest_port, doors(ports), normalization="BASE"
        ),
        "grpc": rpc,
        "client": ClientSidecar(rpc, client, trust),
    }
    with opened(tmp_path_factory.mktemp("predictor"), trust, meshes, [], admin) as running:
        yield running


class ClientSidecar:
    """Plain text in, mutual TLS as frontend out, to the gateway's port for calls from inside."""

    def __init__(self, mesh: Mesh, port: int, trust: Trust) -> None:
        self._tls = envoy.upstream_tls(
            trust.mesh.workload(*FRONTEND.split("/")), trust.mesh.certificate
        )
        self._gateway = mesh.doors["inside"]
        self.doors = {"client": port}

    def listeners(self) -> list[Any]:
        route = {"match": {"prefix": "/"}, "route": {"cluster": "from client", "timeout": "0s"}}
        hosts = [{"name": "all", "domains": ["*"], "routes": [route]}]
        manager = envoy.with_filters(envoy.manager("client", hosts, "BASE"), [])
        return [envoy.listener("client", self.doors["client"], [envoy.chain(manager, None)])]

    def clusters(self) -> list[Any]:
        return [envoy.cluster("from client", self._gateway, tls=self._tls)]


@contextmanager
def called(
    served: Doors, name: str, data: bytes, token: str = "right"
) -> Iterator[Iterator[bytes]]:
    """Call through the client's sidecar, gateway, activator and the predictor's sidecar."""
    port = served.meshes["client"].doors["client"]
    options = [("grpc.default_authority", HOST)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        rpc = channel.stream_stream(f"/{messages.SERVICE}/{name}")
        yield rpc(iter([data]), metadata=served.authorization(token, name), timeout=60)


def infer_request(num_tokens: int = NUM_TOKENS) -> bytes:
    request: Any = messages.ModelInferRequest(model_name="r1")
    request.parameters["min_tokens"].int64_param = num_tokens
    request.parameters["max_tokens"].int64_param = num_tokens
    tensor = request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    tensor.contents.bytes_contents.append(PROMPT)
    return request.SerializeToString()


def test_grpc_passes_every_hop(served: Doors) -> None:
    with called(served, "ModelInfer", infer_request()) as responses:
        response: Any = messages.ModelInferResponse.FromString(next(responses))
    assert {output.name for output in response.outputs} >= {"text_output", "finish_reason"}


def test_a_grpc_stream_passes_every_hop_one_by_one(
    served: Doors, slow_predictor: Predictor
) -> None:
    with called(served, "ModelStreamInfer", infer_request(MANY_TOKENS)) as responses:
        next(responses)
        next(responses)
        wait_until(lambda: held(slow_predictor)["r1_sequences_running"] == 1)
    # Their callers leaving has passed them too.
    wait_until(lambda: held(slow_predictor) == IDLE)


def test_a_grpc_stream_passes_every_hop_to_its_end(served: Doors) -> None:
    with called(served, "ModelStreamInfer", infer_request()) as responses:
        assert len(list(responses)) >= NUM_TOKENS / 2


@pytest.mark.parametrize(
    ("name", "token", "status"),
    [
        ("RepositoryIndex", "right", grpc.StatusCode.PERMISSION_DENIED),
        ("RepositoryModelLoad", "right", grpc.StatusCode.PERMISSION_DENIED),
        ("RepositoryModelUnload", "right", grpc.StatusCode.PERMISSION_DENIED),
        ("ModelInfer", "missing", grpc.StatusCode.PERMISSION_DENIED),
        ("ModelInfer", "expired", grpc.StatusCode.UNAUTHENTICATED),
    ],
)
def test_grpc_is_refused_as_rest_is(
    served: Doors, name: str, token: str, status: grpc.StatusCode
) -> None:
    with called(served, name, b"", token) as responses, pytest.raises(grpc.RpcError) as caught:
        next(responses)
    assert caught.value.code() is status


def test_grpc_that_asks_too_often_has_its_resource_exhausted(served: Doors) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ask_until_refused(served)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def ask_until_refused(served: Doors) -> None:
    for _ in range(MANY):
        with called(served, "ServerLive", b"") as responses:
            next(responses)


@contextmanager
def streamed(served: Doors, num_tokens: int) -> Iterator[HTTPResponse]:
    parameters = {"ignore_eos": True, "max_tokens": num_tokens}
    body = json.dumps({"text_input": PROMPT.decode(), "parameters": parameters})
    headers = {
        "host": OUTSIDE,
        "content-type": "application/json",
        **dict(served.authorization("right", "events")),
    }
    door = served.meshes["rest"].doors["outside"]
    with connect(door, Caller(server_name=OUTSIDE)) as connection:
        connection.request("POST", "/v2/models/r1/generate_stream", body, headers)
        with connection.getresponse() as response:
            assert response.status == 200
            assert response.readline().startswith(b"data:")
            yield response


def test_events_pass_every_hop_one_by_one(served: Doors, slow_predictor: Predictor) -> None:
    with streamed(served, MANY_TOKENS):
        wait_until(lambda: held(slow_predictor)["r1_sequences_running"] == 1)
    wait_until(lambda: held(slow_predictor) == IDLE)


def test_events_pass_every_hop_to_their_end(served: Doors) -> None:
    with streamed(served, NUM_TOKENS) as response:
        assert b"finish_reason" in response.read()


def test_the_predictor_itself_answers_health(served: Doors) -> None:
    door = served.meshes["rest"].doors["outside"]
    answer = ask(
        door, Caller(server_name=OUTSIDE), "GET", "/v2/models/r1/ready", [("host", OUTSIDE)]
    )
    assert (answer.status, json.loads(answer.body)) == (200, {"name": "r1", "ready": True})


@pytest.mark.parametrize("path", DECODED)
def test_what_passes_istios_default_is_nothing_to_the_predictor(served: Doors, path: str) -> None:
    door = served.meshes["default paths"].doors["predictor"]
    headers = [("host", HOST), *served.authorization("right", "paths")]
    assert ask(door, served.caller(ACTIVATOR, HOST), "GET", path, headers).status == 404
