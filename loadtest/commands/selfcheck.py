"""``r1-loadtest selfcheck``: is this client, on this machine, to be believed?"""

from rich.table import Table
from rich.text import Text

from loadtest.commands.output import consoles
from loadtest.errors import ExitCode
from loadtest.selfcheck.check import Check
from loadtest.selfcheck.runner import Judged, run_all


def selfcheck() -> int:
    """Measure the load tester against null servers of known truth, on loopback.

    A load of which a check fails is applied again, at most three times in all: other processes
    of the machine may have been in the way, a fault of the load tester fails every time.

    Exit status: 0 every check passed, 1 one failed.
    """
    progress, console = consoles()
    progress.print("Self-check against null servers on 127.0.0.1, about 80 s")
    table = Table("load", "check", "reached", "limit", "samples", "attempts", "")
    for number in (2, 3, 4, 5):
        table.columns[number].justify = "right"

    def add(judged: Judged) -> None:
        name = f"{judged.load.protocol} {judged.load.name}"
        progress.print(f"  {name}")
        for check in judged.checks:
            table.add_row(name, check.name, *_row(check, judged.num_attempts))

    has_passed = run_all(add)
    console.print(table)
    return ExitCode.PASS if has_passed else ExitCode.FAIL


def _row(check: Check, num_attempts: int) -> tuple[str | Text, ...]:
    verdict = Text("pass") if check.passed else Text("FAIL", style="bold red")
    limit = f"{check.bound} {check.limit:g} {check.unit}".rstrip()
    return _number(check), limit, str(check.num_samples), str(num_attempts), verdict


def _number(check: Check) -> str:
    return f"{check.reached:.3g} {check.unit}".rstrip()
