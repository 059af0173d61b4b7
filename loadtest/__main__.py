"""r1-loadtest: load a target, find its knee, compare runs, check the load tester itself."""

import inspect
import sys
import traceback
from collections.abc import Callable, Collection, Sequence

import typer
from typer.exceptions import TyperException

from loadtest import flags
from loadtest.commands.coldstart import OWN as OWN_OF_COLDSTART
from loadtest.commands.coldstart import coldstart
from loadtest.commands.compare import compare
from loadtest.commands.knee import OWN as OWN_OF_KNEE
from loadtest.commands.knee import knee
from loadtest.commands.report import report, schema
from loadtest.commands.run import run
from loadtest.commands.selfcheck import selfcheck
from loadtest.errors import ExitCode, LoadtestError
from loadtest.nullserver.command import null_server

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


def cli() -> None:
    """Run the command of argv and exit with its status."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit status; what is wrong is one line on stderr."""
    try:
        status = app(arguments, standalone_mode=False, prog_name="r1-loadtest")
    except TyperException as error:
        # click's own 2 would look like a verdict.
        return _say(error.format_message(), ExitCode.USAGE)
    except LoadtestError as error:
        return _say(str(error), error.exit_code)
    except OSError as error:
        return _say(str(error), ExitCode.SOFTWARE)
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except SystemExit:
        # typer's help, to a reader who has gone.
        return ExitCode.SOFTWARE
    except Exception:  # noqa: BLE001
        # Our own fault, which must not look like a gate that failed.
        traceback.print_exc()
        return ExitCode.SOFTWARE
    # --help and the null server have no verdict.
    return ExitCode.PASS if status is None else status


def _say(message: str, code: ExitCode) -> ExitCode:
    print(f"r1-loadtest: {message}", file=sys.stderr)
    return code


def _with_flags(
    command: Callable[..., int], *, without: Collection[str] = ()
) -> Callable[..., int]:
    """Return the command with a flag for every setting in place of its ``**settings``."""
    named = list(inspect.signature(command).parameters.values())[:-1]
    settings = flags.parameters(without=without)
    signature = inspect.Signature([*named, *settings], return_annotation=int)
    command.__signature__ = signature  # type: ignore[attr-defined]
    return command


app.command()(_with_flags(run))
app.command()(_with_flags(knee, without=OWN_OF_KNEE))
app.command()(compare)
app.command()(_with_flags(coldstart, without=OWN_OF_COLDSTART))

app.command()(selfcheck)
app.command()(null_server)
app.command()(report)
app.command()(schema)

if __name__ == "__main__":
    cli()
