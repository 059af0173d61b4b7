"""The embedded model, asked as anyone would ask it."""

from collections.abc import Callable
from typing import Any

import httpx

from predictor.demo.arithmetic import draw_held_out
from predictor.protocol import messages

NUM_PROBLEMS = 100
SEED = 2


def test_99_of_100_held_out_problems_are_answered_right_at_the_default_sampling(
    rest: httpx.Client,
) -> None:
    problems = draw_held_out(NUM_PROBLEMS, seed=SEED)
    questions = [problem.question for problem in problems]
    tensor = {"name": "text_input", "shape": [NUM_PROBLEMS], "datatype": "BYTES"}
    body = {"inputs": [{**tensor, "data": questions}], "parameters": {"seed": SEED}}

    outputs = rest.post("/infer", json=body).json()["outputs"]

    answers = outputs[0]["data"]
    wrong = [
        (problem.question, answer)
        for problem, answer in zip(problems, answers, strict=True)
        if answer != problem.answer
    ]
    assert len(wrong) <= NUM_PROBLEMS // 100, wrong


def test_chinese_questions_are_answered_over_grpc(rpc: Callable[..., Any]) -> None:
    request = messages.ModelInferRequest(model_name="r1")
    prompt = request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    prompt.contents.bytes_contents.append("128加367等于多少？".encode())
    request.parameters["temperature"].int64_param = 0

    response = rpc("ModelInfer", request)

    assert response.outputs[0].contents.bytes_contents[0] == b"495"
