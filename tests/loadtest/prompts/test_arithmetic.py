"""Problems whose answers are known, to us and to the embedded model."""

import re

import httpx
import pytest

from loadtest.prompts.arithmetic import ArithmeticSource, is_right
from tests.predictor.server.conftest import Predictor

NUM_PROBLEMS = 60
OPERATORS = {
    "-": "-|−|minus|difference|Subtract|减",
    "*": "×|times|product|Multiply|乘",
    "+": "",
}


def ask(index: int, turn: int = 0) -> tuple[str, str | None]:
    prompt = ArithmeticSource(5).draw(index, turn)
    return prompt.messages[0].content, prompt.expected


def solve(question: str) -> str:
    """Work the answer out from the words of the question alone."""
    a, b = (int(number) for number in re.findall(r"\d+", question))
    if question.startswith("Subtract"):
        a, b = b, a
    operator = next(sign for sign, words in OPERATORS.items() if re.search(words, question))
    return str({"+": a + b, "-": a - b, "*": a * b}[operator])


@pytest.mark.parametrize("start", range(0, 2000, 500))
def test_the_expected_answer_is_the_problems(start: int) -> None:
    problems = [ask(index) for index in range(start, start + 500)]
    assert [expected for _, expected in problems] == [solve(question) for question, _ in problems]


def test_problems_stay_within_what_the_model_has_learnt() -> None:
    operands = [
        [int(number) for number in re.findall(r"\d+", ask(index)[0])] for index in range(2000)
    ]
    assert max(map(max, operands)) <= 999
    products = [
        pair for index, pair in enumerate(operands) if re.search(OPERATORS["*"], ask(index)[0])
    ]
    assert len(products) > 500
    assert max(map(min, products)) <= 9


def test_a_problem_depends_on_its_seed_index_and_turn_alone() -> None:
    source = ArithmeticSource(5)
    backwards = [source.draw(index, 0) for index in reversed(range(50))]
    assert backwards[::-1] == [ArithmeticSource(5).draw(index, 0) for index in range(50)]
    assert source.draw(0, 1).messages != source.draw(0, 0).messages
    assert ArithmeticSource(6).draw(0, 0) != source.draw(0, 0)


@pytest.mark.parametrize(
    ("answer", "is_it"),
    [("12", True), (" 12\n", True), ("-12", False), ("12.", False), ("1 2", False), ("", False)],
)
def test_only_the_exact_answer_is_right(answer: str, is_it: bool) -> None:
    assert is_right(answer, "12") is is_it


def test_the_embedded_model_answers_them(predictor: Predictor) -> None:
    prompts = [ArithmeticSource(0).draw(index, 0) for index in range(NUM_PROBLEMS)]
    data = [prompt.messages[0].content for prompt in prompts]
    tensor = {"name": "text_input", "shape": [len(data)], "datatype": "BYTES", "data": data}
    body = {"inputs": [tensor], "parameters": {"temperature": 0}}
    answer = httpx.post(f"{predictor.url}/v2/models/r1/infer", json=body, timeout=60).json()
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    pairs = zip(outputs["text_output"], prompts, strict=True)
    num_right = sum(is_right(text, prompt.expected or "") for text, prompt in pairs)
    assert num_right >= 0.95 * NUM_PROBLEMS
