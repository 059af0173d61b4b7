"""``r1-loadtest report`` and ``schema``: what a report says, and what any report may say."""

import json
from pathlib import Path
from typing import Annotated

import typer

from loadtest.coldstart.console import print_cold_starts
from loadtest.commands.output import PAGE_FILE, consoles, write_page
from loadtest.errors import ExitCode
from loadtest.report.coldstart_schema import ColdStartReport
from loadtest.report.console import print_comparison, print_knee, print_report
from loadtest.report.load import json_schema, load_report, report_path
from loadtest.report.schema import Comparison, KneeReport, Report


def report(
    path: Annotated[Path, typer.Argument(help="report.json, or the directory that holds it.")],
) -> int:
    """Show a report and make its page of HTML anew; a cold start's has none."""
    found = load_report(path)
    _, console = consoles()
    match found:
        case Report():
            print_report(console, found)
        case KneeReport():
            print_knee(console, found)
        case Comparison():
            print_comparison(console, found)
        case ColdStartReport():
            # A handful of requests: the table is all there is to draw.
            print_cold_starts(console, found)
            return ExitCode.PASS
    page = write_page(found, report_path(path).with_name(PAGE_FILE))
    console.print(f"Report    {page}")
    return ExitCode.PASS


def schema() -> int:
    """Print the JSON schema of report.json."""
    print(json.dumps(json_schema(), indent=2))
    return ExitCode.PASS
