"""Health, listing, metadata and metrics of a running predictor."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from predictor.protocol import messages


def ask(rest: httpx.Client, **parameters: int) -> list[str]:
    """Return the names of the outputs that an answer has."""
    tensor = {"name": "text_input", "shape": [1], "datatype": "BYTES", "data": ["3*4="]}
    response = rest.post("/infer", json={"inputs": [tensor], "parameters": parameters})
    return [output["name"] for output in response.json()["outputs"]]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/", {"live": True}),
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2/models", {"models": ["r1"]}),
        ("/v2/models/r1/ready", {"name": "r1", "ready": True}),
        ("/v2/models/r1/versions/1/ready", {"name": "r1", "ready": True}),
    ],
)
def test_health_and_listing_say_what_the_protocol_says(
    rest: httpx.Client, path: str, answer: dict[str, Any]
) -> None:
    response = rest.get(str(rest.base_url.copy_with(path=path)))

    assert response.status_code == 200
    assert response.json() == answer


def test_the_server_names_itself_alike_on_both_protocols(
    rest: httpx.Client, rpc: Callable[..., Any]
) -> None:
    method = next(m for m in messages.METHODS if m.name == "ServerMetadata")

    over_rest = rest.get(str(rest.base_url.copy_with(path="/v2"))).json()
    over_grpc = rpc("ServerMetadata", method.request())

    assert over_rest == {
        "name": over_grpc.name,
        "version": over_grpc.version,
        "extensions": list(over_grpc.extensions),
    }


def test_metrics_count_the_requests_that_kserve_times(rest: httpx.Client) -> None:
    ask(rest)

    text = rest.get(str(rest.base_url.copy_with(path="/metrics"))).text

    assert 'request_predict_seconds_count{model_name="r1"}' in text


def test_metadata_lists_the_tensors_that_infer_takes_and_gives(
    rest: httpx.Client, rpc: Callable[..., Any]
) -> None:
    metadata = rest.get(str(rest.base_url).rstrip("/")).json()
    outputs = ask(rest, logprobs=0)
    over_grpc = rpc("ModelMetadata", _metadata_request())

    assert (metadata["name"], metadata["versions"]) == ("r1", ["1"])
    assert [output["name"] for output in metadata["outputs"]] == outputs
    for side in ("inputs", "outputs"):
        assert metadata[side] == [
            {"name": t.name, "datatype": t.datatype, "shape": list(t.shape)}
            for t in getattr(over_grpc, side)
        ]


def _metadata_request() -> Any:
    method = next(m for m in messages.METHODS if m.name == "ModelMetadata")
    return method.request(name="r1")
