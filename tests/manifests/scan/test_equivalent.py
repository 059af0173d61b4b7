"""The translation to pods is strict, valid, and right where Knative changes what is written."""

import copy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from manifests.lint.render import render
from tests.manifests.scan.equivalent import UnknownField, equivalent_of
from tests.manifests.scan.targets import TARGETS, documents_of, scannable
from tests.manifests.variants.overlay import build, service_of

KUBERNETES = "1.34"


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    [body] = [d.body for d in render(["overlays/staging"]) if d.kind == "InferenceService"]
    return body


@pytest.fixture
def edited(service: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(service)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param(["spec"], "spec has surprise", id="spec"),
        pytest.param(["metadata"], "metadata has surprise", id="metadata"),
        pytest.param(["spec", "predictor"], "predictor has surprise", id="predictor"),
        pytest.param(
            ["spec", "predictor", "containers", 0], "container has surprise", id="container"
        ),
    ],
)
def test_an_unknown_field_is_an_error(
    edited: dict[str, Any], path: list[str | int], words: str
) -> None:
    place: Any = edited
    for key in path:
        place = place[key]
    place["surprise"] = 1
    with pytest.raises(UnknownField, match=words):
        equivalent_of(edited)


def test_a_storage_that_is_not_known_is_an_error(edited: dict[str, Any]) -> None:
    edited["spec"]["predictor"]["containers"][0]["env"] = [
        {"name": "STORAGE_URI", "value": "s3://bucket/model"}
    ]
    with pytest.raises(UnknownField, match="s3://bucket/model"):
        equivalent_of(edited)


def test_a_canary_in_standard_mode_is_an_error(tmp_path: Path) -> None:
    service = service_of(build(tmp_path, ["standard-mode"]))
    service["spec"]["predictor"]["canaryTrafficPercent"] = 10
    with pytest.raises(UnknownField, match="canaryTrafficPercent"):
        equivalent_of(service)


def test_the_grace_is_knative_s_timeout(service: dict[str, Any]) -> None:
    pod = equivalent_of(service)[0]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == service["spec"]["predictor"]["timeout"]


def test_a_liveness_probe_over_http_moves_to_the_one_port(edited: dict[str, Any]) -> None:
    [container] = edited["spec"]["predictor"]["containers"]
    container["ports"] = [{"name": "h2c", "containerPort": 8081}]
    [moved] = equivalent_of(edited)[0]["spec"]["template"]["spec"]["containers"]
    assert moved["livenessProbe"]["httpGet"]["port"] == 8081


def test_the_model_is_mounted_where_the_predictor_reads_it(service: dict[str, Any]) -> None:
    pod = equivalent_of(service)[0]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    [mount] = [m for m in container["volumeMounts"] if m["name"] == "model"]
    assert f"--model-dir={mount['mountPath']}" in container["args"]
    assert mount["readOnly"]


@pytest.mark.parametrize("target", TARGETS)
def test_all_of_it_is_valid_to_the_letter(target: str, tmp_path: Path) -> None:
    objects = scannable(documents_of(target, tmp_path))
    assert objects
    for body in objects:
        kubernetes_validate.validate(body, KUBERNETES, strict=True)
