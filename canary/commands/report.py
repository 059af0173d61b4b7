"""``r1-canary report``."""

from pathlib import Path
from typing import Annotated

import typer

from canary.commands.options import Output, OutputOption
from canary.commands.printing import console, print_json
from canary.record.audit import read_audit
from canary.record.report import render_report, write_report


def report(
    audit: Annotated[Path, typer.Argument(help="What `run --audit` has written.")],
    html: Annotated[Path, typer.Argument(help="The HTML file to write.")],
    rollout: Annotated[str | None, typer.Option(help="Its id; default: the last one.")] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Write an HTML report of a rollout: traffic, errors, latency, evidence, decisions."""
    found = read_audit(audit)
    write_report(html, render_report(found, rollout))
    told = {"report": str(html), "broken_lines": found.num_broken}
    if output is Output.JSON:
        print_json(told)
    else:
        console().print(f"{html} is written; {found.num_broken} lines of {audit} were broken")
