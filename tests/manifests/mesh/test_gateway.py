"""The way in from outside: which revision answers, how long it may take, and over what."""

import ssl
from collections.abc import Iterator

import pytest

from tests.manifests.mesh.callers import Answer, Caller, ask
from tests.manifests.mesh.conftest import Doors, doors, objects, opened, shortened
from tests.manifests.mesh.topology import DOORS, LOCAL_GATEWAY, Mesh, Trust, echo
from tests.manifests.ports import free_ports

HOST = "r1.example.com"
FACTOR = 100


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, trust: Trust) -> Iterator[Doors]:
    """The whole way; the first hop alone, which shows its limit; that hop to a slow answer."""
    admin, app, slow, *rest = free_ports(3 + len(DOORS) * 3)
    ports, documents = iter(rest), objects()
    first, patient = {LOCAL_GATEWAY: app}, {LOCAL_GATEWAY: slow}
    meshes: dict[object, Mesh] = {
        "all": Mesh("all", documents, trust, app, doors(ports)),
        "first": Mesh("first", documents, trust, app, doors(ports), instead=first),
        "slow": Mesh(
            "slow", shortened(documents, FACTOR), trust, app, doors(ports), instead=patient
        ),
    }
    more = [echo(app), echo(slow, delay="0.5s")]
    with opened(tmp_path_factory.mktemp("gateway"), trust, meshes, more, admin) as running:
        yield running


def outside(
    gateway: Doors,
    method: str,
    path: str,
    *,
    version: str | None = None,
    host: str = HOST,
    mesh: str = "all",
) -> Answer:
    headers = [("host", host), *gateway.authorization("right", "outside")]
    if version is not None:
        headers.append(("model-version", version))
    port = gateway.meshes[mesh].doors["outside"]
    return ask(port, Caller(server_name=HOST), method, path, headers)


@pytest.mark.parametrize(
    ("version", "host", "revision"),
    [
        (None, "r1-predictor", "r1-predictor-00001"),
        ("latest", "latest-r1-predictor", "r1-predictor-00002"),
        ("prev", "prev-r1-predictor", "r1-predictor-00001"),
        ("r1-predictor-00007", "r1-predictor", "r1-predictor-00007"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v2/models/r1"), ("POST", "/v2/models/r1/infer")]
)
def test_model_version_chooses_the_revision(
    gateway: Doors, method: str, path: str, version: str | None, host: str, revision: str
) -> None:
    answer = outside(gateway, method, path, version=version)
    assert (answer.status, answer.headers["x-revision"]) == (200, revision)
    assert answer.headers["x-host"] == f"{host}.r1.svc.cluster.local"


@pytest.mark.parametrize(
    "version", ["", "newest", "LATEST", "r1-predictor-7", "r1-predictor-00007x", "latest,prev"]
)
def test_an_unknown_version_is_not_found_and_said_so(gateway: Doors, version: str) -> None:
    answer = outside(gateway, "POST", "/v2/models/r1/infer", version=version)
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json"
    assert "Model-Version" in answer.body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/repository/index"),
        ("POST", "/v2/repository/models/r1/unload"),
        ("GET", "/v2/models%2f..%2frepository/index"),
        ("GET", "/v2/openapi.json"),
        ("GET", "/metrics"),
        ("GET", "/docs"),
        ("GET", "/v1/models"),
        ("POST", "/v1/models/r1:predict"),
        ("DELETE", "/v2/models/r1"),
        ("OPTIONS", "/v2/models/r1/infer"),
        ("POST", "/inference.GRPCInferenceService/RepositoryIndex"),
    ],
)
def test_what_has_no_route_is_not_found(gateway: Doors, method: str, path: str) -> None:
    assert outside(gateway, method, path).status == 404


def test_another_host_is_not_found(gateway: Doors) -> None:
    assert outside(gateway, "GET", "/v2", host="r1-predictor.r1.svc.cluster.local").status == 404


@pytest.mark.parametrize(
    ("method", "path", "limit_ms"),
    [
        ("GET", "/v2/health/ready", "10000"),
        ("GET", "/v2/models/r1", "10000"),
        ("GET", "/openai/v1/models", "10000"),
        ("POST", "/v2/models/r1/infer", "660000"),
        ("POST", "/v2/models/r1/generate_stream", "660000"),
        ("POST", "/openai/v1/chat/completions", "660000"),
        ("POST", "/openai/v1/completions", "660000"),
    ],
)
@pytest.mark.parametrize("version", [None, "latest", "prev"])
def test_a_route_has_its_limit_of_time(
    gateway: Doors, method: str, path: str, limit_ms: str, version: str | None
) -> None:
    answer = outside(gateway, method, path, version=version, mesh="first")
    assert answer.headers["x-timeout-ms"] == limit_ms


def test_a_read_is_cut_off_where_a_generation_is_waited_for(gateway: Doors) -> None:
    assert outside(gateway, "GET", "/v2/models/r1", mesh="slow").status == 504
    assert outside(gateway, "POST", "/v2/models/r1/infer", mesh="slow").status == 200


def test_a_generation_may_take_as_long_as_its_pod_lets_it() -> None:
    documents = objects()
    service = documents["InferenceService r1/r1"]["spec"]["predictor"]
    routes = documents["VirtualService r1/r1-external"]["spec"]["http"]
    limits = {route["timeout"] for route in routes if "generate" in route["name"]}
    assert limits == {f"{service['timeout']}s"}


def test_plain_http_is_sent_to_https(gateway: Doors) -> None:
    port = gateway.meshes["all"].doors["plain"]
    answer = ask(port, Caller(is_plain=True), "GET", "/v2", [("host", HOST)])
    assert (answer.status, answer.headers["location"]) == (301, f"https://{HOST}/v2")


@pytest.mark.parametrize(
    ("version", "status"),
    [(ssl.TLSVersion.TLSv1_1, None), (ssl.TLSVersion.TLSv1_2, 200), (ssl.TLSVersion.TLSv1_3, 200)],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_tls_begins_at_1_2(gateway: Doors, version: ssl.TLSVersion, status: int | None) -> None:
    caller = Caller(server_name=HOST, max_version=version)
    port = gateway.meshes["all"].doors["outside"]
    assert ask(port, caller, "GET", "/v2/health/live", [("host", HOST)]).status == status


def test_the_token_ends_at_the_predictors_sidecar(gateway: Doors) -> None:
    # The first hop hands it on, the last keeps it.
    asked = ("POST", "/v2/models/r1/infer")
    assert "x-authorization" in outside(gateway, *asked, mesh="first").headers
    assert "x-authorization" not in outside(gateway, *asked).headers


def test_no_origin_is_allowed(gateway: Doors) -> None:
    answer = outside(gateway, "GET", "/v2")
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers
