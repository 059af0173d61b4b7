"""Requests that cannot be served: why is said, and nobody else is disturbed."""

import json
from collections.abc import Callable
from typing import Any

import grpc
import httpx
import pytest

from predictor.protocol import messages


def tensor(name: str, data: list[str]) -> dict[str, Any]:
    return {"name": name, "shape": [len(data)], "datatype": "BYTES", "data": data}


def grpc_request(prompt: str, **parameters: Any) -> Any:
    request = messages.ModelInferRequest(model_name="r1")
    text = request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    text.contents.bytes_contents.append(prompt.encode())
    for name, (field, value) in parameters.items():
        setattr(request.parameters[name], field, value)
    return request


BAD_BODIES = [
    pytest.param(b"{", "body is not JSON", id="not-json"),
    pytest.param({}, "has no inputs", id="no-inputs"),
    pytest.param({"inputs": []}, "neither of text_input and messages", id="neither-input"),
    pytest.param(
        {"inputs": [tensor("text_input", ["a"]), tensor("messages", ["[]"])]},
        "both of text_input and messages",
        id="both-inputs",
    ),
    pytest.param({"inputs": [tensor("text_input", ["a", ""])]}, "row 1", id="empty-prompt"),
    pytest.param(
        b'{"inputs":[{"name":"text_input","shape":[1],"datatype":"BYTES","data":["\\ud800"]}]}',
        "body is not JSON",
        id="lone-surrogate",
    ),
    pytest.param({"parameters": {"temprature": 1}}, "'temprature'", id="unknown"),
    pytest.param({"parameters": {"temperature": 5}}, "temperature is 5, must be 0 or", id="high"),
    pytest.param({"parameters": {"temperature": True}}, "temperature is true", id="bool"),
    pytest.param({"parameters": {"top_p": -1}}, "top_p is -1", id="negative"),
    pytest.param(
        b'{"inputs":[{"name":"text_input","shape":[1],"datatype":"BYTES","data":["a"]}],'
        b'"parameters":{"temperature":1e999}}',
        "body is not JSON",
        id="1e999",
    ),
    pytest.param(
        {"parameters": {"max_tokens": 4096}}, "max_tokens is 4096, must be at most", id="context"
    ),
    pytest.param(
        {"parameters": {"stop_token_ids": [99999]}}, "stop_token_ids holds 99999", id="vocabulary"
    ),
    pytest.param(
        {"parameters": {"raw": True, "max_thinking_tokens": 1}},
        "max_thinking_tokens is 1, but the prompt does not end inside <think>",
        id="nothing-to-close",
    ),
]


@pytest.mark.parametrize(("body", "words"), BAD_BODIES)
def test_a_bad_request_is_told_why_and_the_next_on_its_connection_is_served(
    rest: httpx.Client, body: Any, words: str
) -> None:
    if isinstance(body, dict) and "parameters" in body:
        body = {"inputs": [tensor("text_input", ["1+1="])], **body}

    bad = rest.post("/infer", content=body if isinstance(body, bytes) else json.dumps(body))
    good = rest.post("/infer", json={"inputs": [tensor("text_input", ["1+1="])]})

    assert bad.status_code == 400
    assert list(bad.json()) == ["error"]
    assert words in bad.json()["error"]
    assert good.status_code == 200
    # The same socket: a connection that was closed would have been replaced by a new one.
    assert bad.extensions["network_stream"].get_extra_info("client_addr") == good.extensions[
        "network_stream"
    ].get_extra_info("client_addr")


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        pytest.param(
            grpc_request("", temperature=("double_param", 0.0)),
            "INVALID_ARGUMENT",
            "row 0",
            id="empty-prompt",
        ),
        pytest.param(
            grpc_request("a", temperature=("double_param", float("nan"))),
            "INVALID_ARGUMENT",
            "temperature is nan",
            id="nan",
        ),
        pytest.param(
            grpc_request("a", max_tokens=("int64_param", -1)),
            "INVALID_ARGUMENT",
            "max_tokens is -1",
            id="negative",
        ),
        pytest.param(
            messages.ModelInferRequest(model_name="r2"), "NOT_FOUND", "'r2'", id="unknown-model"
        ),
        pytest.param(
            messages.ModelInferRequest(model_name="r1", model_version="9"),
            "NOT_FOUND",
            "version '9'",
            id="unknown-version",
        ),
    ],
)
def test_a_bad_grpc_request_gets_the_right_status(
    rpc: Callable[..., Any], request_: Any, status: str, words: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        rpc("ModelInfer", request_)

    assert caught.value.code() is grpc.StatusCode[status]
    assert words in caught.value.details()


@pytest.mark.parametrize("path", ["/v2/models/r2", "/v2/models/r1/versions/2"])
@pytest.mark.parametrize("verb", ["/infer", "/generate", "/generate_stream"])
def test_a_model_or_version_that_is_not_served_is_404(
    rest: httpx.Client, path: str, verb: str
) -> None:
    response = rest.post(str(rest.base_url.copy_with(path=path + verb)), json={})

    assert response.status_code == 404
    assert "is not served here" in response.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v2/repository/models/r1/load", 404),
        ("POST", "/v2/repository/models/r1/unload", 404),
        ("POST", "/v1/models/r1:predict", 404),
        ("GET", "/v1/models", 404),
        ("GET", "/docs", 404),
        ("GET", "/openapi.json", 404),
        ("GET", "/v2/models/r1/", 404),
        ("GET", "/v2/models/r1/infer", 405),
        ("POST", "/v2/health/live", 405),
    ],
)
def test_what_is_not_served_is_refused_in_the_protocols_form(
    rest: httpx.Client, method: str, path: str, status: int
) -> None:
    response = rest.request(method, str(rest.base_url.copy_with(path=path)))

    assert response.status_code == status
    assert list(response.json()) == ["error"]
    assert ("allow" in response.headers) is (status == 405)
