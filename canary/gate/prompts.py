"""What both revisions are asked: arithmetic, or a file of the user's own."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from canary.errors import InputError
from canary.plan import Gate

MAX_OPERAND: Final = 999
_FORMS: Final = {
    "+": ("What is {a} + {b}?", "{a}+{b}=", "Add {a} and {b}.", "计算{a}+{b}"),
    "-": ("What is {a} - {b}?", "{a}-{b}=", "Subtract {b} from {a}.", "{a}减{b}是多少？"),
    "×": ("What is {a} × {b}?", "{a}×{b}=", "Multiply {a} by {b}.", "{a}乘以{b}等于多少？"),
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """Its text is shown nowhere."""

    text: str
    expected: str | None = None


def prompts_of(gate: Gate, seed: int) -> tuple[Prompt, ...]:
    """Return the prompts in the order in which they are asked; equal seeds give equal ones.

    A file with more than are asked for is drawn from; fewer are not asked twice, which would count
    one observation as two.
    """
    rng = random.Random(seed)  # noqa: S311 - it draws sums, no secrets.
    if gate.prompts is None:
        return tuple(_problem(rng) for _ in range(gate.num_prompts))
    prompts = _read(Path(gate.prompts))
    if gate.scorer != "equal":
        for number, prompt in enumerate(prompts, start=1):
            if prompt.expected is None:
                raise InputError(
                    f"{gate.prompts}, line {number}: expected is missing, which the scorer "
                    f"{gate.scorer} needs"
                )
    return tuple(rng.sample(prompts, min(gate.num_prompts, len(prompts))))


def problems(seed: int) -> Iterator[Prompt]:
    """Yield arithmetic problems without end, as many of each kind as of another."""
    rng = random.Random(seed)  # noqa: S311
    while True:
        yield _problem(rng)


def _problem(rng: random.Random) -> Prompt:
    """Return a sum or difference of 0..999, or the product of one such and a digit."""
    operator = rng.choice(tuple(_FORMS))
    a, b = rng.randint(0, MAX_OPERAND), rng.randint(0, MAX_OPERAND)
    if operator == "×":
        b %= 10
    result = {"+": a + b, "-": a - b, "×": a * b}[operator]
    return Prompt(rng.choice(_FORMS[operator]).format(a=a, b=b), str(result))


def _read(path: Path) -> list[Prompt]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"gate.prompts is {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"gate.prompts is {path}: it is no UTF-8") from None
    if not lines:
        raise InputError(f"gate.prompts is {path}: it holds no prompt")
    return [_parse(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]


def _parse(line: str, where: str) -> Prompt:
    try:
        entry: Any = json.loads(line)
    except ValueError:
        raise InputError(f"{where}: must be a JSON object") from None
    if not isinstance(entry, dict):
        raise InputError(f"{where}: must be a JSON object")
    unknown = sorted(entry.keys() - {"prompt", "expected"})
    if unknown:
        raise InputError(f"{where}: {unknown[0]!r} is unknown, allowed are prompt and expected")
    text, expected = entry.get("prompt"), entry.get("expected")
    if not isinstance(text, str) or not text:
        raise InputError(f"{where}: prompt must be a string that is not empty")
    if expected is not None and not isinstance(expected, str):
        raise InputError(f"{where}: expected must be a string")
    return Prompt(text, expected)
