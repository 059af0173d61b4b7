"""What the Open Inference Protocol and its extensions ask for and no other file holds.

Each is a row of tests/protocol/conformance.md.
"""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from predictor.protocol import messages

ROWS = ["3*4=", "2*3="]
OPTIONS = {"temperature": 0, "enable_thinking": False}
PROTOCOLS_RPCS: tuple[tuple[str, dict[str, str]], ...] = (
    ("ServerLive", {}),
    ("ServerReady", {}),
    ("ModelReady", {"name": "r1"}),
    ("ServerMetadata", {}),
    ("ModelMetadata", {"name": "r1"}),
)


def body(**members: Any) -> dict[str, Any]:
    tensor = {"name": "text_input", "shape": [2], "datatype": "BYTES", "data": ROWS}
    return {"inputs": [tensor], "parameters": OPTIONS, **members}


def infer_request(**fields: Any) -> Any:
    request = messages.ModelInferRequest(model_name="r1", **fields)
    text = request.inputs.add(name="text_input", datatype="BYTES", shape=[2])
    text.contents.bytes_contents.extend(row.encode() for row in ROWS)
    request.parameters["temperature"].double_param = 0.0
    request.parameters["enable_thinking"].bool_param = False
    return request


def url(predictor: Any, path: str) -> str:
    return f"{predictor.url}{path}"


def test_an_answer_is_json_of_the_length_that_its_head_says(rest: httpx.Client) -> None:
    response = rest.post("/infer", json=body())

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert int(response.headers["content-length"]) == len(response.content)


def test_an_answer_has_the_protocols_members_and_none_that_is_null(rest: httpx.Client) -> None:
    without_id = rest.post("/infer", json=body()).json()
    with_id = rest.post("/infer", json=body(id="a b\n/é")).json()

    assert list(without_id) == ["model_name", "model_version", "outputs"]
    assert set(with_id) == {*without_id, "id"}
    assert with_id["id"] == "a b\n/é"
    for output in with_id["outputs"]:
        assert list(output) == ["name", "shape", "datatype", "data"]
        assert output["shape"] == [len(output["data"])] == [2]


@pytest.mark.parametrize("version", ["", "/versions/1"], ids=["no version", "the version"])
@pytest.mark.parametrize("path", ["", "/ready"], ids=["metadata", "ready"])
def test_a_version_may_be_left_out_of_a_path(
    predictor: Any, rest: httpx.Client, path: str, version: str
) -> None:
    answer = rest.get(url(predictor, f"/v2/models/r1{version}{path}"))

    assert answer.status_code == 200
    assert answer.json()["name"] == "r1"
    assert rest.get(url(predictor, f"/v2/models/r1/versions/2{path}")).status_code == 404


def test_a_version_may_be_left_out_of_a_path_of_infer(predictor: Any, rest: httpx.Client) -> None:
    answers = [
        rest.post(url(predictor, f"/v2/models/r1{version}/infer"), json=body())
        for version in ("", "/versions/1", "/versions/2")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 404]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["model_version"] == "1"


def test_metadata_gives_a_platform_and_the_shape_and_datatype_of_each_tensor(
    rest: httpx.Client,
) -> None:
    metadata = rest.get(str(rest.base_url).rstrip("/")).json()

    assert list(metadata) == ["name", "versions", "platform", "inputs", "outputs"]
    assert metadata["platform"]
    for tensor in metadata["inputs"] + metadata["outputs"]:
        assert list(tensor) == ["name", "datatype", "shape"]
        # -1: as many rows as a request has.
        assert tensor["shape"] == [-1]


def test_the_servers_metadata_are_two_strings_and_a_list_of_them(
    predictor: Any, rest: httpx.Client
) -> None:
    metadata = rest.get(url(predictor, "/v2")).json()

    assert list(metadata) == ["name", "version", "extensions"]
    assert all(isinstance(metadata[name], str) and metadata[name] for name in ("name", "version"))
    assert {type(extension) for extension in metadata["extensions"]} == {str}


def test_the_servers_metadata_name_the_binary_tensor_data_extension(
    predictor: Any, rest: httpx.Client
) -> None:
    assert "binary_tensor_data" in rest.get(url(predictor, "/v2")).json()["extensions"]


@pytest.mark.parametrize(("name", "fields"), PROTOCOLS_RPCS)
def test_every_rpc_of_health_and_metadata_answers(
    rpc: Callable[..., Any], name: str, fields: dict[str, str]
) -> None:
    method = next(method for method in messages.METHODS if method.name == name)

    answer = rpc(name, method.request(**fields))

    assert isinstance(answer, method.response)
    assert answer != method.response()


def test_grpc_returns_the_name_the_version_and_the_id_if_there_is_one(
    rpc: Callable[..., Any],
) -> None:
    with_id = rpc("ModelInfer", infer_request(id="a b\n/é", model_version="1"))
    without_id = rpc("ModelInfer", infer_request())

    assert (with_id.model_name, with_id.model_version, with_id.id) == ("r1", "1", "a b\n/é")
    assert (without_id.model_version, without_id.id) == ("1", "")


def test_grpc_returns_every_output_unless_some_are_requested(rpc: Callable[..., Any]) -> None:
    chosen = infer_request()
    for name in ("completion_tokens", "text_output"):
        chosen.outputs.add(name=name)

    every = rpc("ModelInfer", infer_request()).outputs
    some = rpc("ModelInfer", chosen).outputs

    assert len(every) == 6
    assert [output.name for output in some] == ["completion_tokens", "text_output"]


def test_typed_contents_are_answered_in_the_field_of_their_datatype(
    rpc: Callable[..., Any],
) -> None:
    response = rpc("ModelInfer", infer_request())

    assert not response.raw_output_contents
    for output in response.outputs:
        ((field, elements),) = output.contents.ListFields()
        assert field.name == {"BYTES": "bytes_contents", "INT32": "int_contents"}[output.datatype]
        assert list(output.shape) == [len(elements)] == [2]


def test_raw_contents_are_answered_raw_in_the_order_of_the_outputs(rpc: Callable[..., Any]) -> None:
    request = infer_request()
    request.inputs[0].ClearField("contents")
    request.raw_input_contents.append(b"".join(b"\4\0\0\0" + row.encode() for row in ROWS))
    for name in ("completion_tokens", "text_output"):
        request.outputs.add(name=name)

    response = rpc("ModelInfer", request)

    assert not any(output.HasField("contents") for output in response.outputs)
    # 3 and 2 tokens, the end included.
    assert list(response.raw_output_contents) == [
        b"\3\0\0\0\2\0\0\0",
        b"\2\0\0\x0012\1\0\0\x006",
    ]


def test_generate_answers_with_the_extensions_members(rest: httpx.Client) -> None:
    response = rest.post("/generate", json={"text_input": ROWS[0], "parameters": OPTIONS})

    answer = response.json()
    assert response.headers["content-type"] == "application/json"
    assert (answer["model_name"], answer["model_version"]) == ("r1", "1")
    assert answer["text_output"] == "12"


def test_a_stream_of_events_has_their_media_type_and_each_is_one_line_of_data(
    rest: httpx.Client,
) -> None:
    response = rest.post("/generate_stream", json={"text_input": ROWS[0], "parameters": OPTIONS})

    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    *events, end = response.text.split("\n\n")
    assert end == ""
    assert all(event.startswith("data: {") and "\n" not in event for event in events)


def test_the_index_is_the_same_over_rest_and_grpc(
    predictor: Any, rest: httpx.Client, rpc: Callable[..., Any]
) -> None:
    over_rest = rest.post(url(predictor, "/v2/repository/index"), json={"ready": True})
    method = next(method for method in messages.METHODS if method.name == "RepositoryIndex")
    over_grpc = rpc("RepositoryIndex", method.request(ready=True))

    (model,) = over_grpc.models
    assert over_rest.status_code == 200
    assert over_rest.json() == [
        {"name": "r1", "version": "1", "state": "READY", "reason": ""},
    ]
    assert (model.name, model.version, model.state, model.reason) == ("r1", "1", "READY", "")
