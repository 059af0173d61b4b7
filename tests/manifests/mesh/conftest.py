"""One Envoy with every set of policies that the matrix needs, each behind its own doors."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import pytest
import yaml

from manifests.lint.render import render
from tests.manifests.mesh import cells_doors, cells_predictor, envoy
from tests.manifests.mesh.callers import Answer, Caller, ask, ask_over_http2
from tests.manifests.mesh.cells import NEVER, Cell
from tests.manifests.mesh.identities import Authority, tokens
from tests.manifests.mesh.istio.objects import Json, identity
from tests.manifests.mesh.topology import DOORS, Mesh, Trust, echo
from tests.manifests.ports import free_ports

COMPONENTS = ["components/mesh", "components/external-gateway", "components/monitoring"]
INSTALLED = Path(__file__).parent / "installed.yaml"
CELLS = [*cells_predictor.CELLS, *cells_doors.CELLS]
ANOTHER = Authority().workload("knative-serving", "activator")


@dataclass(frozen=True)
class Doors:
    """Running meshes, by what was taken from them or by name, and their Envoy's statistics."""

    meshes: Mapping[object, Mesh]
    trust: Trust
    admin: str

    def ask(self, cell: Cell, mesh: object = frozenset()) -> Answer:
        method, path = cell.asks
        authorization = self.authorization(cell.token, cell.id)
        if cell.token == "right, in the query":
            [(_, value)] = self.authorization("right", cell.id)
            path = f"{path}?access_token={value.removeprefix('Bearer ')}"
        return (ask_over_http2 if cell.is_http2 else ask)(
            self.meshes[mesh].doors[cell.door],
            self.caller(cell.who, cell.host),
            method,
            path,
            [("host", cell.host), *cell.headers, *authorization],
        )

    def count(self, cluster: str, statistic: str) -> int:
        """A statistic of one of Envoy's clusters."""
        name = f"cluster.{cluster}.{statistic}"
        stats = httpx.get(
            f"{self.admin}/stats", params={"format": "json", "filter": statistic}
        ).json()["stats"]
        return sum(entry["value"] for entry in stats if entry.get("name") == name)

    def caller(self, who: str, host: str) -> Caller:
        if who == "plain text":
            return Caller(is_plain=True)
        if who == "no certificate":
            return Caller(server_name=host)
        if who == "another authority":
            return Caller(ANOTHER)
        return Caller(self.trust.mesh.workload(*who.split("/")))

    def authorization(self, kind: str, subject: str) -> list[tuple[str, str]]:
        token = tokens(self.trust.issuer, subject)[kind]
        return [("authorization", f"Bearer {token}")] if token else []


@cache
def objects(*examples: str) -> Mapping[str, Json]:
    """Everything of ours and the controllers', by kind, namespace and name; rendered once."""
    folders = [f"components/external-gateway/examples/{name}" for name in examples]
    rendered = render(["base", "cluster/mesh"], [*COMPONENTS, *folders])
    ours = [document.body for document in rendered if "namespace" in document.body["metadata"]]
    return {identity(document): document for document in [*installed(), *ours]}


def without(documents: Mapping[str, Json], removed: frozenset[str]) -> dict[str, Json]:
    """Take objects away; Knative's Gateway is then as installed."""
    rest = {name: body for name, body in documents.items() if name not in removed}
    return {identity(body): body for body in installed()} | rest


def installed() -> list[Json]:
    return list(yaml.safe_load_all(INSTALLED.read_text()))


def shortened(documents: Mapping[str, Json], factor: float) -> dict[str, Json]:
    """Return the objects with the times of the VirtualService from outside divided."""
    name = "VirtualService r1/r1-external"
    service = copy.deepcopy(documents[name])
    for route in service["spec"]["http"]:
        for holder in (route, route.get("fault", {}).get("delay", {})):
            for key in {"timeout", "fixedDelay"} & holder.keys():
                holder[key] = f"{float(holder[key].removesuffix('s')) / factor}s"
    return {**documents, name: service}


@contextmanager
def opened(
    workdir: Path, trust: Trust, meshes: Mapping[object, Mesh], more: Sequence[Json], admin: int
) -> Iterator[Doors]:
    listeners = [each for mesh in meshes.values() for each in mesh.listeners()]
    clusters = [each for mesh in meshes.values() for each in mesh.clusters()]
    with envoy.running(workdir, admin, [*listeners, *more], clusters) as address:
        yield Doors(meshes, trust, address)


def doors(ports: Iterator[int]) -> dict[str, int]:
    return {door: next(ports) for door in DOORS}


@pytest.fixture(scope="session")
def trust() -> Trust:
    return Trust()


@pytest.fixture(scope="session")
def matrix(tmp_path_factory: pytest.TempPathFactory, trust: Trust) -> Iterator[Doors]:
    """A mesh with everything, and one for each set that a row takes away."""
    documents = objects()
    sets = {frozenset[str](), NEVER, *(cell.without for cell in CELLS)}
    admin, app, *rest = free_ports(2 + len(DOORS) * len(sets))
    ports = iter(rest)
    meshes: dict[object, Mesh] = {
        removed: Mesh(str(index), without(documents, removed), trust, app, doors(ports), removed)
        for index, removed in enumerate(sets)
    }
    workdir = tmp_path_factory.mktemp("matrix")
    with opened(workdir, trust, meshes, [echo(app)], admin) as running:
        yield running
