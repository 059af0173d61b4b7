"""r1-canary: take an InferenceService to its next template, a share of its users at a time."""

import sys
import traceback
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from canary.commands.control import HELP, control
from canary.commands.driving import Stopped
from canary.commands.history import history
from canary.commands.lint import lint
from canary.commands.plan import plan
from canary.commands.printing import say
from canary.commands.report import report
from canary.commands.run import run
from canary.commands.schema import schema
from canary.commands.status import status
from canary.commands.surroundings import Surroundings
from canary.commands.watchdog import watchdog
from canary.errors import CanaryError, Conflict, ExitStatus

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


def cli() -> None:
    """Run the command of argv and exit with its status."""
    sys.exit(main(sys.argv[1:], Surroundings()))


def main(arguments: Sequence[str], surroundings: Surroundings) -> int:
    """Run a command and return its exit status; what is wrong is told on stderr, a line each."""
    try:
        code = app(arguments, standalone_mode=False, prog_name="r1-canary", obj=surroundings)
    except TyperException as error:
        return _say(error.format_message(), ExitStatus.BAD_INPUT)
    except Conflict as error:
        # Others were quicker, again and again.
        return _say(f"{error}; run it again", ExitStatus.UNREACHABLE)
    except CanaryError as error:
        return _say(str(error), error.exit_status)
    except (KeyboardInterrupt, typer.Abort, Stopped):
        return _say("stopped", ExitStatus.PAUSED)
    except Exception:  # noqa: BLE001
        # Our own fault, which must not look like a rollback.
        traceback.print_exc()
        return ExitStatus.CRASHED
    return ExitStatus.PROMOTED if code is None else code


def _say(message: str, status: ExitStatus) -> ExitStatus:
    say(message)
    return status


for _command in (plan, run, status):
    app.command()(_command)
for _name, _help in HELP.items():
    app.command(_name, help=_help)(control)
for _rest in (history, lint, watchdog, report, schema):
    app.command()(_rest)

if __name__ == "__main__":
    cli()
