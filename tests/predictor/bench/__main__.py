"""``python -m tests.predictor.bench``: the engine beside its peers, on one set of weights.

Contenders take turns, and are compared round by round: what else the machine does meets them all.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from tests.predictor.bench.checkpoint import VOCAB_SIZE, write_checkpoint
from tests.predictor.bench.contenders.known import find
from tests.predictor.bench.contenders.started import ContenderError, Started
from tests.predictor.bench.figures import Sample, sample
from tests.predictor.bench.load import Load, equal_load, uneven_load
from tests.predictor.bench.roofline import measure
from tests.predictor.bench.tables import tables

FLOAT_BYTES = 4


def main() -> int:
    arguments = _parse()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        checkpoint = Path(name)
        model_bytes = write_checkpoint(checkpoint)
        try:
            contenders = [
                stack.enter_context(Started(c, checkpoint, arguments.threads))
                for c in find(arguments.only, arguments.dtype)
            ]
            samples = list(_samples(contenders, arguments, model_bytes))
        except ContenderError as error:
            sys.stderr.write(f"bench: {error}\n")
            return 1
    arguments.json.write_text(json.dumps([asdict(sample) for sample in samples], indent=1))
    console = Console(width=130)
    for table in tables(samples):
        console.print(table)
    return 0


def _samples(
    contenders: list[Started], arguments: argparse.Namespace, model_bytes: int
) -> Iterator[Sample]:
    loads = [load for load in _loads() if load.name.startswith(arguments.load)]
    for contender in contenders:
        contender.run(loads[0])
    for number in range(arguments.rounds):
        for load in loads:
            roofline = measure(arguments.threads)
            for contender in _rotated(contenders, number):
                size = 4 if contender.contender.dtype == "float32" else 2
                bound = roofline.tokens_per_s(
                    load.concurrency, model_bytes * size // FLOAT_BYTES, model_bytes / 2
                )
                measured = contender.run(load)
                found = sample(contender.contender.name, number, load, measured, bound)
                _tell(found)
                yield found


def _loads() -> list[Load]:
    equal = [equal_load(c, num_tokens=64, vocab_size=VOCAB_SIZE) for c in (1, 4, 16, 64)]
    uneven = uneven_load(16, num_requests=64, shortest=16, longest=240, vocab_size=VOCAB_SIZE)
    return [*equal, uneven]


def _rotated(contenders: list[Started], number: int) -> list[Started]:
    first = number % len(contenders)
    return contenders[first:] + contenders[:first]


def _tell(found: Sample) -> None:
    sys.stderr.write(
        f"{found.round} {found.load:14} {found.contender:24} {found.tokens_per_s:8.1f} tok/s "
        f"{found.roofline_ratio:6.1%}\n"
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.predictor.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--load", default="", help="only loads whose name begins so, as in 16 x 64")
    parser.add_argument("--only", nargs="*", help="only these contenders; all that are installed")
    parser.add_argument("--json", type=Path, default=Path("bench-engine.json"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
