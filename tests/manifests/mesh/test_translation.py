"""The translator passes nothing over: what it does not know it refuses."""

import copy
from functools import reduce
from typing import Any

import pytest

from tests.manifests.mesh.conftest import doors, objects
from tests.manifests.mesh.istio.objects import Untranslated
from tests.manifests.mesh.topology import DOORS, Mesh, Trust

PLANTED = [
    ("AuthorizationPolicy r1/r1-requests", ["spec"]),
    ("AuthorizationPolicy r1/r1-requests", ["spec", "rules", 0]),
    ("AuthorizationPolicy r1/r1-requests", ["spec", "rules", 0, "from", 0, "source"]),
    ("AuthorizationPolicy r1/r1-requests", ["spec", "rules", 0, "to", 0, "operation"]),
    ("AuthorizationPolicy r1/r1-requests", ["spec", "rules", 0, "when", 0]),
    ("PeerAuthentication r1/default", ["spec"]),
    ("PeerAuthentication r1/default", ["spec", "mtls"]),
    ("RequestAuthentication r1/r1", ["spec", "jwtRules", 0]),
    ("RequestAuthentication r1/r1", ["spec", "jwtRules", 0, "fromHeaders", 0]),
    ("AuthorizationPolicy istio-system/r1-external", ["spec", "rules", 0, "when", 0]),
    ("DestinationRule r1/r1-pods", ["spec", "trafficPolicy", "outlierDetection"]),
    ("DestinationRule r1/r1-pods", ["spec", "trafficPolicy", "connectionPool", "tcp"]),
    ("EnvoyFilter r1/r1-rate-limit", ["spec", "configPatches", 0, "match"]),
    ("EnvoyFilter r1/r1-rate-limit", ["spec", "configPatches", 0, "patch"]),
    ("Gateway r1/r1-external", ["spec", "servers", 0, "tls"]),
    ("VirtualService r1/r1-external", ["spec"]),
    ("VirtualService r1/r1-external", ["spec", "http", 0]),
    ("VirtualService r1/r1-external", ["spec", "http", 0, "match", 0]),
    ("VirtualService r1/r1-external", ["spec", "http", 0, "retries"]),
    ("VirtualService r1/r1-external", ["spec", "http", 0, "route", 0]),
]


@pytest.mark.parametrize(("name", "path"), PLANTED, ids=str)
def test_an_unknown_field_is_refused(name: str, path: list[Any], trust: Trust) -> None:
    documents = copy.deepcopy(dict(objects()))
    reduce(lambda body, key: body[key], path, documents[name])["planted"] = {}
    mesh = Mesh("planted", documents, trust, 1, doors(iter(range(1, 1 + len(DOORS)))))
    with pytest.raises(Untranslated, match="planted"):
        translate(mesh)


def translate(mesh: Mesh) -> None:
    mesh.listeners()
    mesh.clusters()
