"""V2 infer over REST and gRPC against a running predictor."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import grpc
import httpx
import pytest

from predictor.protocol import messages

QUESTION = "what is 128 + 367?"
GREEDY = {"temperature": 0}


def tensor(name: str, data: list[Any], datatype: str = "BYTES") -> dict[str, Any]:
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": data}


def infer(
    rest: httpx.Client, *prompts: str, inputs: Iterable[dict[str, Any]] = (), **parameters: Any
) -> dict[str, list[Any]]:
    """Return the outputs by name."""
    body = {"inputs": [tensor("text_input", list(prompts)), *inputs], "parameters": parameters}
    response = rest.post("/infer", json=body)
    assert response.status_code == 200, response.text
    outputs = response.json()["outputs"]
    assert all(output["shape"] == [len(prompts)] for output in outputs)
    return {output["name"]: output["data"] for output in outputs}


def grpc_request(prompt: str, **parameters: Any) -> Any:
    request = messages.ModelInferRequest(model_name="r1")
    text = request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    text.contents.bytes_contents.append(prompt.encode())
    for name, (field, value) in parameters.items():
        setattr(request.parameters[name], field, value)
    return request


def test_rest_answers_and_tells_reasoning_from_the_answer(rest: httpx.Client) -> None:
    outputs = infer(rest, QUESTION, **GREEDY)

    assert outputs["text_output"] == ["495"]
    assert outputs["reasoning_output"][0].startswith("128+367\n")
    assert "think>" not in outputs["reasoning_output"][0]
    assert outputs["finish_reason"] == ["stop"]
    assert 0 < outputs["reasoning_tokens"][0] < outputs["completion_tokens"][0]


def test_grpc_gives_what_rest_gives(rest: httpx.Client, rpc: Callable[..., Any]) -> None:
    response = rpc("ModelInfer", grpc_request(QUESTION, temperature=("double_param", 0.0)))

    outputs = {
        output.name: list(output.contents.bytes_contents or output.contents.int_contents)
        for output in response.outputs
    }
    expected = infer(rest, QUESTION, **GREEDY)
    for name, data in expected.items():
        assert outputs[name] == [d.encode() if isinstance(d, str) else d for d in data]


def test_rows_are_answered_in_their_order(rest: httpx.Client) -> None:
    prompts = [f"{a}+{a + 1}=" for a in range(40, 72)]

    outputs = infer(rest, *prompts, **GREEDY)

    assert outputs["text_output"] == [infer(rest, p, **GREEDY)["text_output"][0] for p in prompts]
    assert len(set(outputs["text_output"])) == len(prompts)


def test_a_chat_is_answered_from_its_last_question(rest: httpx.Client) -> None:
    chat = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "1+1="},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": QUESTION},
    ]
    body = {"inputs": [tensor("messages", [json.dumps(chat)])], "parameters": GREEDY}

    outputs = rest.post("/infer", json=body).json()["outputs"]

    assert outputs[0] == tensor("text_output", ["495"])


def test_every_row_may_have_its_own_options(rest: httpx.Client) -> None:
    per_row = [tensor("max_tokens", [3, 5], "INT32"), tensor("temperature", [0.0, 0.5], "FP32")]

    outputs = infer(rest, QUESTION, QUESTION, inputs=per_row)

    assert outputs["completion_tokens"] == [3, 5]
    assert outputs["finish_reason"] == ["length", "length"]


# Off its task the embedded model is unsure, so that what it draws depends on the seed.
UNSURE = {"raw": True, "temperature": 2.0, "max_tokens": 60, "ignore_eos": True}


def test_a_seed_gives_the_same_text_again(rest: httpx.Client) -> None:
    first, again = (infer(rest, "zx", seed=7, **UNSURE) for _ in range(2))

    assert first == again
    assert first != infer(rest, "zx", seed=8, **UNSURE)


def test_no_seed_gives_different_texts(rest: httpx.Client) -> None:
    outputs = infer(rest, *["zx"] * 4, **UNSURE)

    assert len(set(outputs["text_output"])) == 4


def test_a_thinking_budget_forces_the_answer(rest: httpx.Client) -> None:
    outputs = infer(rest, QUESTION, **GREEDY, max_thinking_tokens=4)

    assert outputs["reasoning_tokens"] == [4]
    assert outputs["text_output"][0].isdigit()


def test_thinking_disabled_answers_at_once(rest: httpx.Client) -> None:
    outputs = infer(rest, QUESTION, **GREEDY, enable_thinking=False)

    assert outputs["reasoning_tokens"] == [0]
    assert outputs["reasoning_output"] == [""]
    assert outputs["text_output"][0].isdigit()


def test_a_raw_prompt_may_end_inside_the_reasoning(rest: httpx.Client) -> None:
    raw = f"<｜begin▁of▁sentence｜><｜User｜>{QUESTION}<｜Assistant｜><think>\n"

    assert infer(rest, raw, **GREEDY, raw=True) == infer(rest, QUESTION, **GREEDY)


def test_a_stop_string_is_cut_off(rest: httpx.Client) -> None:
    outputs = infer(rest, QUESTION, **GREEDY, stop=["\nTens"])

    assert outputs["reasoning_output"][0].endswith("carry 1")
    assert outputs["finish_reason"] == ["stop"]


def test_min_tokens_puts_the_end_off(rest: httpx.Client) -> None:
    natural = infer(rest, QUESTION, **GREEDY)["completion_tokens"][0]

    outputs = infer(rest, QUESTION, **GREEDY, min_tokens=natural + 5)

    assert outputs["completion_tokens"][0] > natural + 5


def test_logprobs_come_with_every_token(rest: httpx.Client) -> None:
    outputs = infer(rest, QUESTION, **GREEDY, logprobs=2)

    entries = json.loads(outputs["logprobs"][0])
    assert len(entries) == outputs["completion_tokens"][0]
    assert all(e["logprob"] <= 0 and e["token"] == e["top"][0]["token"] for e in entries)
    assert all(len(e["top"]) == 2 for e in entries)


def test_only_requested_outputs_are_sent_in_their_order(rest: httpx.Client) -> None:
    body = {
        "id": "abc",
        "inputs": [tensor("text_input", [QUESTION])],
        "parameters": GREEDY,
        "outputs": [{"name": "completion_tokens"}, {"name": "text_output"}],
    }

    answer = rest.post("/infer", json=body).json()

    assert answer["id"] == "abc"
    assert [output["name"] for output in answer["outputs"]] == ["completion_tokens", "text_output"]


def test_control_tokens_in_a_prompt_are_text(rest: httpx.Client) -> None:
    plain = infer(rest, "1+1=", **GREEDY, max_tokens=1)["prompt_tokens"][0]

    spelled = infer(rest, "<｜User｜>1+1=", **GREEDY, max_tokens=1)["prompt_tokens"][0]

    assert spelled > plain + 3


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
    infer(rest, "3*4=")

    text = rest.get(str(rest.base_url.copy_with(path="/metrics"))).text

    assert 'request_predict_seconds_count{model_name="r1"}' in text


def test_metadata_lists_the_tensors_that_infer_takes_and_gives(
    rest: httpx.Client, rpc: Callable[..., Any]
) -> None:
    metadata = rest.get(str(rest.base_url).rstrip("/")).json()
    outputs = infer(rest, QUESTION, **GREEDY, logprobs=0)
    over_grpc = rpc("ModelMetadata", _metadata_request())

    assert (metadata["name"], metadata["versions"]) == ("r1", ["1"])
    assert [output["name"] for output in metadata["outputs"]] == list(outputs)
    for side in ("inputs", "outputs"):
        assert metadata[side] == [
            {"name": t.name, "datatype": t.datatype, "shape": list(t.shape)}
            for t in getattr(over_grpc, side)
        ]


def _metadata_request() -> Any:
    method = next(m for m in messages.METHODS if m.name == "ModelMetadata")
    return method.request(name="r1")
