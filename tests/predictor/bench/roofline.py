"""The bandwidth and the arithmetic of this machine's CPU, as torch reaches them."""

import time
from collections.abc import Callable

import torch

from tests.predictor.bench.figures import Roofline

# Far beyond any cache.
NUM_READ_BYTES = 2**29
MATRIX_SIZE = 1536
NUM_TRIES = 3


def measure(num_threads: int) -> Roofline:
    """Return the best of a few tries of each."""
    torch.set_num_threads(num_threads)
    read = torch.ones(NUM_READ_BYTES // 4)
    left = torch.ones(MATRIX_SIZE, MATRIX_SIZE)
    return Roofline(
        read_bytes_per_s=NUM_READ_BYTES / _least_s(read.sum),
        flops_per_s=2 * MATRIX_SIZE**3 / _least_s(lambda: left @ left),
    )


def _least_s(work: Callable[[], object]) -> float:
    times = []
    for _ in range(NUM_TRIES):
        started_s = time.perf_counter()
        work()
        times.append(time.perf_counter() - started_s)
    return min(times)
