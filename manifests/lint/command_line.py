"""A predictor container's args and R1_ variables, read by the program's own parser."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import typer
from typer.exceptions import TyperException

from manifests.lint.faults import Finding, items
from manifests.lint.faults import Path as FieldPath
from manifests.lint.render import Document
from predictor import flags
from predictor.__main__ import cli
from predictor.config import EngineConfig, Limits, ServerConfig
from predictor.errors import SettingRefused

PREDICTOR: Final = "r1-predictor"
PREFIX: Final = "R1_"


@dataclass(slots=True)
class CommandLine:
    """What the program takes from a container, defaults included, and where each was set."""

    values: dict[str, Any]
    places: dict[str, FieldPath] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def read(document: Document, path: FieldPath, container: Mapping[str, Any]) -> CommandLine:
    """Parse a container's args and environment; findings say what the program refuses."""
    line = CommandLine(dict(_defaults()))
    for index, entry in enumerate(items(dict(container), "env")):
        name = str(entry.get("name"))
        if name.startswith(PREFIX):
            place = (*path, "env", index)
            flag = f"--{name.removeprefix(PREFIX).lower().replace('_', '-')}"
            _parse(line, document, place, f"{flag}={entry.get('value', '')}")
    for index, argument in enumerate(container.get("args") or ()):
        place = (*path, "args", index)
        if not argument.startswith("--"):
            line.findings.append(Finding(document, place, "must be --flag=value (ours)"))
            continue
        _parse(line, document, place, argument)
    if not line.findings:
        line.findings.extend(_refused(line, document, path))
    return line


def _parse(line: CommandLine, document: Document, place: FieldPath, argument: str) -> None:
    try:
        # The pod's environment counts, not that of whoever runs this.
        context = _command().make_context(PREDICTOR, [argument], auto_envvar_prefix=None)
    except TyperException as error:
        rule = f"{error.format_message().rstrip('.')} ({PREDICTOR})"
        line.findings.append(Finding(document, place, rule))
        return
    for name, value in context.params.items():
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            line.values[name] = value
            line.places[name] = place


def _refused(line: CommandLine, document: Document, path: FieldPath) -> Iterator[Finding]:
    """Yield what the settings refuse together."""
    model_dir = Path(line.values["model_dir"])
    for config, others in ((EngineConfig, {}), (ServerConfig, {"limits": Limits()})):
        try:
            flags.build(config, line.values, model_dir=model_dir, **others)
        except SettingRefused as error:
            yield Finding(document, (*path, "args"), f"{error} ({PREDICTOR})")


@cache
def _command() -> Any:
    return typer.main.get_command(cli)


@cache
def _defaults() -> Mapping[str, Any]:
    values: dict[str, Any] = _command().make_context(PREDICTOR, [], auto_envvar_prefix=None).params
    return values
