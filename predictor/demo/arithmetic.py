"""Seeded arithmetic problems, and the line between those trained on and those held out."""

import hashlib
import random
from dataclasses import dataclass
from enum import StrEnum

from predictor.demo.phrasings import draw_question
from predictor.demo.working import Language, Operator, compute, write_work

MAX_OPERAND = 999
HELD_OUT_SHARE = 0.05
# A product's lines hold the most different facts.
OPERATOR_WEIGHTS = (30, 30, 40)


class Split(StrEnum):
    """Which operands a problem may have."""

    TRAINING = "training"
    HELD_OUT = "held-out"


@dataclass(frozen=True, slots=True)
class Problem:
    """A question, the work that leads to its answer, and the answer, without line ends."""

    a: int
    operator: Operator
    b: int
    language: Language
    question: str
    reasoning: str
    answer: str


def split_of(a: int, operator: Operator, b: int) -> Split:
    """Return the split of the operands, the same for both orders of a sum or a product."""
    if operator is not Operator.SUBTRACT:
        a, b = min(a, b), max(a, b)
    digest = hashlib.sha256(f"{a}{operator}{b}".encode()).digest()
    is_held_out = int.from_bytes(digest[:8]) < HELD_OUT_SHARE * 2**64
    return Split.HELD_OUT if is_held_out else Split.TRAINING


def draw_problem(rng: random.Random, split: Split) -> Problem:
    """Return a problem of the split; equal states of ``rng`` give equal problems."""
    operator = rng.choices(list(Operator), OPERATOR_WEIGHTS)[0]
    a, b = _draw_operands(rng, operator)
    while split_of(a, operator, b) is not split:
        a, b = _draw_operands(rng, operator)
    language = rng.choices(list(Language), weights=(0.65, 0.35))[0]
    return Problem(
        a=a,
        operator=operator,
        b=b,
        language=language,
        question=draw_question(rng, a, operator, b, language),
        reasoning=write_work(a, operator, b, language),
        answer=str(compute(a, operator, b)),
    )


def draw_held_out(num_problems: int, seed: int) -> list[Problem]:
    """Return that many held-out problems, no two about the same operands in the same order."""
    rng = random.Random(seed)
    problems: dict[tuple[int, Operator, int], Problem] = {}
    while len(problems) < num_problems:
        problem = draw_problem(rng, Split.HELD_OUT)
        problems.setdefault((problem.a, problem.operator, problem.b), problem)
    return list(problems.values())


def _draw_operands(rng: random.Random, operator: Operator) -> tuple[int, int]:
    a, b = _draw_number(rng), _draw_number(rng)
    match operator:
        case Operator.MULTIPLY:
            b = rng.randint(0, 9)
            if rng.random() < 0.3:
                a, b = b, a
        # Which of two near numbers is larger shows only in their last digits: rare, so drawn more.
        case Operator.SUBTRACT if rng.random() < 0.2:
            b = min(MAX_OPERAND, max(0, a + rng.randint(-30, 30)))
        case _:
            pass
    return a, b


def _draw_number(rng: random.Random) -> int:
    num_digits = rng.choices((1, 2, 3), weights=(15, 25, 60))[0]
    return rng.randint(10 ** (num_digits - 1) if num_digits > 1 else 0, 10**num_digits - 1)
