"""A stage of a knee search in blocks of equal time: its requests, and those that miss a gate."""

from collections.abc import Sequence

import numpy as np

from loadtest.analysis.goodput import is_good
from loadtest.analysis.knee import NUM_BLOCKS, StageCounts
from loadtest.analysis.metrics import Bools, Ints, Rows, Stored, is_of
from loadtest.analysis.tallies import BROKEN
from loadtest.config import RunConfig
from loadtest.objectives import (
    GateSpec,
    Metric,
    ObjectiveSpec,
    Scalar,
    parse_gate,
    parse_objective,
)
from loadtest.record import CUT_OFF, NEVER, Correctness, Outcome
from loadtest.report.schema import Report


def count_stage(stored: Stored, report: Report, config: RunConfig, rate: float) -> StageCounts:
    """Return the counts of what was due after the stage's warm-up."""
    gates = [parse_gate(text) for text in config.slo]
    objectives = [parse_objective(text) for text in report.objectives]
    since_ns = round(report.steadiness.warmup_s * 1e9)
    width_ns = max(round(report.rates.window_s * 1e9 / NUM_BLOCKS), 1)
    requests = np.zeros(NUM_BLOCKS, np.int64)
    misses = np.zeros((len(gates), NUM_BLOCKS), np.int64)
    for rows, gaps in stored.chunks():
        blocks = (rows["scheduled"] - since_ns) // width_ns
        is_kept = blocks >= 0
        # The last request may be due at the window's very end.
        blocks = np.minimum(blocks, NUM_BLOCKS - 1)
        requests += np.bincount(blocks[is_kept], minlength=NUM_BLOCKS)
        for number, gate in enumerate(gates):
            missed = is_kept & _misses(rows, gaps, gate, objectives, config)
            misses[number] += np.bincount(blocks[missed], minlength=NUM_BLOCKS)
    return StageCounts(rate, requests, misses, is_saturated=report.saturation.is_saturated)


def _misses(
    rows: Rows, gaps: Ints, gate: GateSpec, objectives: Sequence[ObjectiveSpec], config: RunConfig
) -> Bools:
    """Return which rows miss a gate; of gaps the longest of a request counts."""
    match gate.metric:
        case Metric() as metric:
            held = [ObjectiveSpec(gate.text, metric, gate.operator, gate.threshold)]
            return ~is_good(rows, gaps, held, checks_answers=False)
        case Scalar.GOODPUT_RATIO:
            return ~is_good(rows, gaps, objectives, checks_answers=config.check_answers)
        case Scalar.ACCURACY:
            return np.asarray(rows["correctness"] == Correctness.WRONG)
        case Scalar.TRUNCATED_RATE:
            has_begun = rows["first_chunk"] != NEVER
            return np.asarray(has_begun & is_of(rows, *BROKEN))
        case Scalar.ERROR_RATE:
            return ~is_of(rows, Outcome.OK, *CUT_OFF)
        case _:
            raise AssertionError(f"{gate.text} is no share: knee_settings refuses it")
