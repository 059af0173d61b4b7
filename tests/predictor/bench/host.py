"""``python -m tests.predictor.bench.host``: the host's time in a step of a model that is nothing.

What is left is scheduling, the layout of the batch, the sampler's glue and the message to the
server. CPU time of this process, whatever else the machine does.
"""

import time
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from predictor.engine.block_manager import BlockManager
from predictor.engine.engine import Engine
from predictor.engine.kv_cache import KVCache
from predictor.engine.messages import EngineStats, Step, encode_frame
from predictor.engine.model_config import load_model_config
from predictor.engine.model_runner import ModelRunner
from predictor.engine.scheduler import Scheduler
from predictor.engine.sequence import SamplingParams, Sequence
from tests.predictor.bench.checkpoint import write_config

NUM_SEQUENCES = (1, 16, 64, 256)
PROMPT_LENGTH = 100
MAX_TOKENS = 150
BLOCK_SIZE = 16
# Small: how long the sampler's own products take is not the host's time.
VOCAB_SIZE = 64


class NullModel:
    """Stands for CausalLM, computes nothing and makes every token the same."""

    min_rows = 1

    def __init__(self, num_rows: int) -> None:
        self._hidden = torch.zeros(num_rows, 1)
        self._logits = torch.zeros(num_rows, VOCAB_SIZE)

    def forward(self, input_ids: torch.Tensor, *_: object) -> torch.Tensor:
        return self._hidden[: len(input_ids)]

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return self._logits[: len(hidden)]


def main() -> None:
    torch.set_num_threads(1)
    table = Table(title="host time of a step in microseconds, median (p90)", title_justify="left")
    for column in ("sequences", "greedy", "drawn"):
        table.add_column(column, justify="right")
    for num_sequences in NUM_SEQUENCES:
        cells = [_cell(_steps_s(num_sequences, temperature)) for temperature in (0.0, 1.0)]
        table.add_row(str(num_sequences), *cells)
    Console(width=80).print(table)


def _cell(times_s: list[float]) -> str:
    return f"{1e6 * median(times_s):.0f} ({1e6 * quantiles(times_s, n=10)[-1]:.0f})"


def _steps_s(num_sequences: int, temperature: float) -> list[float]:
    """Return the time of each decode step of so many sequences."""
    engine = _engine(num_sequences)
    for index in range(num_sequences):
        params = SamplingParams(max_tokens=MAX_TOKENS, seed=index, temperature=temperature)
        engine.add(Sequence(index, [3] * PROMPT_LENGTH, params))
    engine.step()
    times_s = []
    while engine.has_work:
        started_s = time.process_time()
        encode_frame(Step(engine.step(), EngineStats()))
        times_s.append(time.process_time() - started_s)
    return times_s


def _engine(num_sequences: int) -> Engine:
    num_blocks = num_sequences * -(-(PROMPT_LENGTH + MAX_TOKENS) // BLOCK_SIZE)
    num_rows = num_sequences * PROMPT_LENGTH
    with TemporaryDirectory() as name:
        write_config(Path(name))
        config = load_model_config(Path(name))
    kv_cache = KVCache(
        config,
        num_blocks=num_blocks,
        block_size=BLOCK_SIZE,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )
    model: Any = NullModel(num_rows)
    scheduler = Scheduler(
        BlockManager(num_blocks, BLOCK_SIZE),
        max_num_seqs=num_sequences,
        max_num_batched_tokens=num_rows,
    )
    return Engine(scheduler, ModelRunner(model, kv_cache).run, time.monotonic)


if __name__ == "__main__":
    main()
