"""Which InferenceServices can be scaled to zero."""

from typing import Any

import pytest

from loadtest.coldstart.service import check_service
from loadtest.errors import TargetError

PREFIX = "serving.kserve.io"


def service(
    mode: str | None = "Knative", annotations: dict[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    return {
        "metadata": {"name": "r1", "namespace": "apps", "annotations": annotations or {}},
        "spec": {"predictor": {"minReplicas": 0}, **spec},
        "status": {"deploymentMode": mode} if mode else {},
    }


@pytest.mark.parametrize("mode", ["Knative", "Serverless"])
def test_service_of_knative_may_be_scaled_to_zero(mode: str) -> None:
    found = check_service(service(mode))

    assert (found.name, found.namespace, found.mode) == ("r1", "apps", "Knative")


@pytest.mark.parametrize("mode", ["Standard", "RawDeployment"])
@pytest.mark.parametrize("scaler", ["keda", "external"])
def test_standard_service_with_such_a_scaler_may_be(mode: str, scaler: str) -> None:
    body = service(mode, {f"{PREFIX}/autoscalerClass": scaler})

    assert check_service(body).mode == "Standard"


def test_mode_is_the_annotation_before_there_is_a_status() -> None:
    assert (
        check_service(service(None, {f"{PREFIX}/deploymentMode": "Serverless"})).mode == "Knative"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(
            service(predictor={"minReplicas": 1}),
            "spec.predictor.minReplicas is 1, must be 0",
            id="one",
        ),
        pytest.param(
            service(predictor={}),
            "spec.predictor.minReplicas is unset, which is 1, must be 0",
            id="unset",
        ),
        pytest.param(service(transformer={"minReplicas": 0}), "spec.transformer", id="transformer"),
        pytest.param(service(annotations={f"{PREFIX}/stop": "true"}), "/stop", id="stopped"),
        pytest.param(service("Standard"), "autoscaler 'hpa', which never goes", id="hpa"),
        pytest.param(
            service("RawDeployment", {f"{PREFIX}/autoscalerClass": "none"}),
            "autoscaler 'none', which never goes to zero",
            id="none",
        ),
        pytest.param(service(None), "status.deploymentMode None, must be one of", id="undeployed"),
        pytest.param(service("ModelMesh"), "'ModelMesh', must be one of", id="modelmesh"),
    ],
)
def test_service_that_never_goes_to_zero_is_refused_by_its_field(
    body: dict[str, Any], message: str
) -> None:
    with pytest.raises(TargetError, match=message):
        check_service(body)
