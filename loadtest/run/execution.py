"""One run whole: checked, loaded, merged, judged, written."""

import os
import platform
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np

from loadtest.analysis.summary import summarize
from loadtest.combinations import check_combinations
from loadtest.config import RunConfig
from loadtest.net.endpoint import Endpoint, make_endpoint
from loadtest.net.reactor import BUSY_STEP_NS
from loadtest.prompts.source import check_files, make_source
from loadtest.record import Outcome
from loadtest.records.merge import merge
from loadtest.records.stored import GAPS_FILE, RECORDS_FILE, Stored
from loadtest.report.csv_file import write_csv
from loadtest.report.files import describe
from loadtest.report.push import check_url
from loadtest.report.schema import Capture, ErrorSample, File, Report, Run, Target, Worker
from loadtest.run.capture import Scraper
from loadtest.run.descriptors import raise_limit
from loadtest.run.interrupts import Interrupts
from loadtest.run.load import Load, Watcher, apply_load
from loadtest.run.messages import ErrorKind, Finished
from loadtest.run.preflight import check_target

CSV_FILE: Final = "requests.csv"


@dataclass(frozen=True, slots=True)
class Plan:
    """A run that nothing speaks against: its target has answered a request."""

    config: RunConfig
    endpoint: Endpoint
    target: Target


def make_plan(config: RunConfig) -> Plan:
    """Check everything that can be checked before the load; raises UsageError or TargetError."""
    check_combinations(config)
    raise_limit(config.max_connections)
    if config.pushgateway is not None:
        check_url(config.pushgateway)
    check_files(config)
    source = make_source(config)
    endpoint = make_endpoint(config)
    # The pages that are scraped are read once; the target is asked last, since that loads it.
    with _scraper(config):
        return Plan(config, endpoint, check_target(config, endpoint, source))


def execute(
    plan: Plan, directory: Path, interrupts: Interrupts, watchers: Sequence[Watcher] = ()
) -> Report:
    """Run it and leave records.npy, gaps.npy and requests.csv in the directory.

    Where a worker fails the report is of what the others, and it until then, have measured. Raises
    LoadtestError where all of them fail, or the disk.
    """
    config = plan.config
    with _scraper(config) as scraper:
        load = apply_load(config, plan.endpoint, directory, watchers, interrupts, scraper.start)
        captures = scraper.stop()
    num_bytes_lost = merge(directory, config.workers)
    assert load.failure or num_bytes_lost == 0, "every worker has closed its files"
    stored = Stored(directory)
    write_csv(stored, directory / CSV_FILE)
    return _report(plan, load, stored, captures, _files(directory, stored))


def _scraper(config: RunConfig) -> Scraper:
    # The target's own connections have their trust from net.tls.
    trust = ssl.create_default_context(cafile=config.ca_file)
    return Scraper(config.metrics_url, trust=trust)


def _report(
    plan: Plan, load: Load, stored: Stored, captures: list[Capture], files: list[File]
) -> Report:
    busy_p99_s, busy_most_s = busy(load.workers)
    report = summarize(
        stored,
        plan.config,
        run=_run(load),
        target=plan.target,
        workers=_workers(load.workers),
        captures=captures,
        errors=_errors(load.workers),
        files=files,
        cpu_ratios=[one.cpu_s / one.wall_s if one.wall_s else 0.0 for one in load.workers],
        busy_p99_s=busy_p99_s,
        busy_most_s=busy_most_s,
    )
    if load.failure is None:
        return report
    return report.model_copy(update={"exit_code": load.failure.exit_code})


def _run(load: Load) -> Run:
    return Run(
        id=load.run_id,
        version=version("kserve-r1"),
        started_at=load.started_at.isoformat(timespec="milliseconds"),
        python=platform.python_version(),
        platform=platform.platform(),
        num_cpus=os.cpu_count() or 1,
        duration_s=load.duration_s,
        drain_s=load.drain_s,
        end=load.end,
        failure=None if load.failure is None else str(load.failure),
    )


def _workers(workers: list[Finished]) -> list[Worker]:
    return [
        Worker(
            number=number,
            num_requests=one.num_requests,
            cpu_s=one.cpu_s,
            connections_opened=one.connections_opened,
            connections_most=one.connections_most,
        )
        for number, one in enumerate(workers)
    ]


def _errors(workers: list[Finished]) -> list[ErrorSample]:
    counts: dict[ErrorKind, int] = {}
    for one in workers:
        for kind, num in one.errors.items():
            counts[kind] = counts.get(kind, 0) + num
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return [
        ErrorSample(
            outcome=Outcome(kind.outcome).name.lower(),
            status=kind.status,
            detail=kind.detail,
            count=num,
        )
        for kind, num in ordered
    ]


def busy(workers: list[Finished]) -> tuple[float, float]:
    """Return how long the workers were busy at a time, 99th percentile and most, in seconds."""
    counts = np.sum([one.busy_counts for one in workers], axis=0)
    step = int(np.searchsorted(np.cumsum(counts), 0.99 * counts.sum()))
    most_ns = max(one.busy_most_ns for one in workers)
    # The upper edge of the step, so never less than the truth.
    return min((step + 1) * BUSY_STEP_NS, most_ns) / 1e9, most_ns / 1e9


def _files(directory: Path, stored: Stored) -> list[File]:
    rows = {
        RECORDS_FILE: stored.num_records,
        GAPS_FILE: stored.num_gaps,
        CSV_FILE: stored.num_records,
    }
    return [describe(directory / name, num_rows) for name, num_rows in rows.items()]
