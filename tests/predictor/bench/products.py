"""``python -m tests.predictor.bench.products``: how long a step's products take, by weights' form.

The weights are those of the benchmark's checkpoint, the rows a step's tokens. Forms take turns.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from rich.console import Console
from rich.table import Table

from predictor.engine.linear import MIN_ROWS, Linear, PackedLinear
from tests.predictor.bench.checkpoint import (
    HIDDEN_SIZE,
    INTERMEDIATE_SIZE,
    NUM_HEADS,
    NUM_KV_HEADS,
    NUM_LAYERS,
    VOCAB_SIZE,
)

QKV_ROWS = HIDDEN_SIZE // NUM_HEADS * (NUM_HEADS + 2 * NUM_KV_HEADS)
SHAPES = [
    *[
        (HIDDEN_SIZE, QKV_ROWS),
        (HIDDEN_SIZE, HIDDEN_SIZE),
        (HIDDEN_SIZE, 2 * INTERMEDIATE_SIZE),
        (INTERMEDIATE_SIZE, HIDDEN_SIZE),
    ]
    * NUM_LAYERS,
    (HIDDEN_SIZE, VOCAB_SIZE),
]
NUM_ROWS = (1, 2, 4, 6, 8, 16, 32, 64)


@dataclass(frozen=True)
class Form:
    """A dtype, and how a weight of it lies in memory."""

    name: str
    dtype: torch.dtype
    make: Callable[[Linear], Callable[[torch.Tensor], torch.Tensor]]
    min_rows: int = 1


def _transposed(plain: Linear) -> Callable[[torch.Tensor], torch.Tensor]:
    weight = plain.weight.t().contiguous()
    return lambda x: x @ weight


FORMS = [
    Form("float32 plain", torch.float32, lambda plain: plain),
    Form("float32 transposed", torch.float32, _transposed),
    Form("float32 packed", torch.float32, PackedLinear, MIN_ROWS),
    Form("bfloat16 plain", torch.bfloat16, lambda plain: plain),
    Form("bfloat16 packed", torch.bfloat16, PackedLinear, MIN_ROWS),
    Form("float16 plain", torch.float16, lambda plain: plain),
]


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.predictor.bench.products")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    plain = [torch.randn(rows, columns) / columns**0.5 for columns, rows in SHAPES]
    products = {
        form: [form.make(Linear(weight.to(form.dtype))) for weight in plain] for form in FORMS
    }
    times: dict[tuple[Form, int], list[float]] = {}
    for _ in range(arguments.rounds + 1):
        for form, made in products.items():
            for num_rows in NUM_ROWS:
                taken_s = _time(form, made, max(num_rows, form.min_rows))
                times.setdefault((form, num_rows), []).append(taken_s)
    Console(width=110).print(_table(times))


def _time(form: Form, made: list[Callable[[torch.Tensor], torch.Tensor]], num_rows: int) -> float:
    rows = {
        columns: torch.randn(num_rows, columns).to(form.dtype)
        for columns in (HIDDEN_SIZE, INTERMEDIATE_SIZE)
    }
    started_s = time.perf_counter()
    for product, (columns, _) in zip(made, SHAPES, strict=True):
        product(rows[columns])
    return time.perf_counter() - started_s


def _table(times: dict[tuple[Form, int], list[float]]) -> Table:
    table = Table(title="milliseconds of a step's products, median", title_justify="left")
    table.add_column("rows")
    for form in FORMS:
        table.add_column(form.name, justify="right")
    for num_rows in NUM_ROWS:
        # The first round is the warm-up.
        medians = [median(times[form, num_rows][1:]) for form in FORMS]
        table.add_row(str(num_rows), *(f"{1000 * value:.1f}" for value in medians))
    return table


if __name__ == "__main__":
    main()
