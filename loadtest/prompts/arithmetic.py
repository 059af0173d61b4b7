"""Problems of the embedded model's kind, each with its one right answer."""

import random
from dataclasses import dataclass
from typing import Final

from loadtest.prompts.draws import Stream, rng_of
from loadtest.prompts.prompt import Message, Prompt

MAX_OPERAND: Final = 999
# Each form of the model's training: equations, phrases, requests, in English and in Chinese.
_EQUATIONS: Final = (
    "{a} {o} {b}",
    "{a}{o}{b}=",
    "{a} {o} {b} = ?",
    "What is {a} {o} {b}?",
    "Calculate {a} {o} {b}.",
    "How much is {a}{o}{b}?",
    "计算{a}{o}{b}",
    "{a}{o}{b}等于多少？",
)
_SUMS: Final = (
    *_EQUATIONS,
    "What is {a} plus {b}?",
    "What is the sum of {a} and {b}?",
    "Add {a} and {b}.",
    "{a}加{b}等于多少？",
)
_DIFFERENCES: Final = (
    *_EQUATIONS,
    "What is {a} minus {b}?",
    "Compute the difference between {a} and {b}.",
    "Subtract {b} from {a}.",
    "{a}减{b}是多少？",
)
_PRODUCTS: Final = (
    *_EQUATIONS,
    "What is {a} times {b}?",
    "Find the product of {a} and {b}.",
    "Multiply {a} by {b}.",
    "{a}乘以{b}等于多少？",
)


@dataclass(frozen=True, slots=True)
class ArithmeticSource:
    """Sums and differences of 0..999, and their products with one digit; about 10 us a prompt.

    ``expected`` is the result in decimal, with "-" before what is below zero.
    """

    seed: int

    def draw(self, index: int, turn: int) -> Prompt:
        """Return the problem of that turn of the conversation, without what went before."""
        question, result = _draw_problem(rng_of(self.seed, Stream.PROBLEM, index, turn))
        return Prompt((Message("user", question),), expected=str(result), turn=turn)


def is_right(answer: str, expected: str) -> bool:
    """Whether the answer is the expected one, but for white space around either."""
    return answer.strip() == expected.strip()


def _draw_problem(rng: random.Random) -> tuple[str, int]:
    kind = rng.random()
    a, b = rng.randint(0, MAX_OPERAND), rng.randint(0, MAX_OPERAND)
    if kind < 1 / 3:
        return rng.choice(_SUMS).format(a=a, o="+", b=b), a + b
    if kind < 2 / 3:
        return rng.choice(_DIFFERENCES).format(a=a, o="-", b=b), a - b
    b %= 10
    if rng.random() < 0.3:
        a, b = b, a
    return rng.choice(_PRODUCTS).format(a=a, o="×", b=b), a * b
