"""A path written in another way is judged as what the predictor would take it for."""

from collections.abc import Iterator

import pytest

from tests.manifests.mesh.cells import ACTIVATOR, HOST, Cell
from tests.manifests.mesh.conftest import Doors, doors, objects, opened
from tests.manifests.mesh.envoy import NORMALIZATIONS
from tests.manifests.mesh.topology import DOORS, Mesh, Trust, echo
from tests.manifests.ports import free_ports

REFUSED = [
    "//v2/repository/index",
    "/v2//repository/index",
    "/v2/./repository/index",
    "/v2/models/../repository/index",
    "/v2/models/%2e%2e/repository/index",
    "/v2%2frepository/index",
    "/v2/%2frepository/index",
    "/v2/%72epository/index",
    "/v2/%2572epository/index",
    "/v2/repository;a=b/index",
    "/v2/;/repository/index",
    "/v2;/repository/index",
    "/v2/REPOSITORY/index",
    "/V2/repository/index",
    "/v2\\repository\\index",
    "/v2/models\\..\\repository/index",
    "/v2/%5crepository/index",
    "/v2/repository/index?x=/v2/models",
    "/v2/repository/index/",
    "/v2/repository%3findex",
    "/v2/openapi%2ejson",
    "http://localhost/v2/repository/index",
    "/inference.GRPCInferenceService/%52epositoryIndex",
    "/inference.GRPCInferenceService//RepositoryIndex",
]
# These pass Istio's default, and the predictor makes 404 of them (test_predictor.py).
DECODED = ["/v2/models/..%2frepository/index", "/v2/models/%2e%2e%2frepository/index"]


@pytest.fixture(scope="module")
def normalized(tmp_path_factory: pytest.TempPathFactory, trust: Trust) -> Iterator[Doors]:
    admin, app, *rest = free_ports(2 + len(DOORS) * len(NORMALIZATIONS))
    ports, documents = iter(rest), objects()
    meshes: dict[object, Mesh] = {
        name: Mesh(name, documents, trust, app, doors(ports), normalization=name)
        for name in NORMALIZATIONS
    }
    with opened(tmp_path_factory.mktemp("paths"), trust, meshes, [echo(app)], admin) as running:
        yield running


def asks(path: str) -> Cell:
    return Cell("predictor", ACTIVATOR, "right", ("GET", path), 403, frozenset(), None, HOST)


@pytest.mark.parametrize("path", REFUSED)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_no_spelling_gets_past_the_rules(normalized: Doors, normalization: str, path: str) -> None:
    assert normalized.ask(asks(path), normalization).status == 403


@pytest.mark.parametrize("path", ["/v2/repository%00/index", "/v2/repository#x"])
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_what_is_no_path_is_a_bad_request(normalized: Doors, normalization: str, path: str) -> None:
    assert normalized.ask(asks(path), normalization).status == 400


@pytest.mark.parametrize("path", DECODED)
def test_an_encoded_slash_is_judged_as_a_slash(normalized: Doors, path: str) -> None:
    assert normalized.ask(asks(path), "DECODE_AND_MERGE_SLASHES").status == 403
    assert normalized.ask(asks(path), "BASE").status == 200
