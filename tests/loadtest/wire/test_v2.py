"""V2's infer: what is sent, and what is read from the answer."""

from typing import Any

import orjson
import pytest

from loadtest.config import RunConfig
from loadtest.errors import AnswerError
from loadtest.prompts.prompt import Message, Prompt
from loadtest.record import FinishReason
from loadtest.wire.part import Part, Usage
from loadtest.wire.v2 import InferWire

WIRE = InferWire(RunConfig(target="http://h", protocol="v2-infer"))
USER = Message("user", "1+1=")
SYSTEM = Message("system", "Be brief.")


def test_one_message_is_the_tensor_text_input() -> None:
    body = orjson.loads(WIRE.encode(Prompt((USER,), {"max_tokens": 5}), "run-7"))
    assert body == {
        "id": "run-7",
        "inputs": [{"name": "text_input", "shape": [1], "datatype": "BYTES", "data": ["1+1="]}],
        "parameters": {"max_tokens": 5},
    }


@pytest.mark.parametrize("messages", [(SYSTEM, USER), (SYSTEM,)], ids=["chat", "no-user"])
def test_any_other_chat_is_the_tensor_messages(messages: tuple[Message, ...]) -> None:
    body = orjson.loads(WIRE.encode(Prompt(messages), "run-7"))
    (tensor,) = body["inputs"]
    assert (tensor["name"], tensor["shape"], tensor["datatype"]) == ("messages", [1], "BYTES")
    assert orjson.loads(tensor["data"][0])[0] == {"role": "system", "content": "Be brief."}
    assert "parameters" not in body


def test_lists_are_text_for_v2_has_no_list_parameters() -> None:
    body = orjson.loads(WIRE.encode(Prompt((USER,), {"stop": ["a", "b"], "seed": 1}), ""))
    assert body["parameters"] == {"stop": '["a","b"]', "seed": 1}


def output(name: str, data: Any) -> dict[str, Any]:
    return {"name": name, "datatype": "BYTES", "shape": [1], "data": data}


def answer(*outputs: Any) -> bytes:
    return orjson.dumps({"model_name": "r1", "outputs": list(outputs)})


def test_all_outputs_are_read() -> None:
    part = WIRE.decode(
        answer(
            output("text_output", ["2"]),
            output("reasoning_output", ["easy"]),
            output("finish_reason", ["length"]),
            output("prompt_tokens", [4]),
            output("completion_tokens", [9]),
            output("reasoning_tokens", [7]),
        )
    )
    assert part == Part("2", "easy", FinishReason.LENGTH, Usage(4, 9, 7), is_last=True)


@pytest.mark.parametrize("data", [["2"], [["2"]]], ids=["flat", "nested"])
def test_a_server_that_has_text_alone_is_enough(data: Any) -> None:
    assert WIRE.decode(answer(output("text_output", data))) == Part("2", is_last=True)


def test_an_error_in_a_good_status_is_the_servers_word() -> None:
    assert WIRE.decode(b'{"error": "no"}') == Part(error="no")


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        pytest.param(b"", "the answer is not JSON", id="empty"),
        pytest.param(b"[]", "the answer is a list, must be an object", id="list"),
        pytest.param(b"{}", "outputs is null, must be a list", id="no-outputs"),
        pytest.param(answer(), "the answer has no output text_output", id="no-text"),
        pytest.param(answer(5), "an output is a number, must be an object", id="no-tensor"),
        pytest.param(
            answer({"name": 5}), "an output's name is a number, must be a string", id="no-name"
        ),
        pytest.param(
            answer(output("text_output", [])), "text_output is null, must be a string", id="no-data"
        ),
        pytest.param(
            answer(output("text_output", ["2"]), output("prompt_tokens", [-1])),
            "prompt_tokens is not a number of tokens",
            id="negative-count",
        ),
        pytest.param(
            answer(output("text_output", [[[[[[[[["2"]]]]]]]]])), "more than 8 deep", id="deep"
        ),
    ],
)
def test_an_answer_of_another_shape_is_refused_without_its_text(
    payload: bytes, message: str
) -> None:
    with pytest.raises(AnswerError, match=message):
        WIRE.decode(payload)
