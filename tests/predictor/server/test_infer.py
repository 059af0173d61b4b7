"""V2 infer over REST and gRPC against a running predictor."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import httpx

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
