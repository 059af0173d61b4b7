"""From a workload file and flags to a RunConfig; errors name the flag, or the file and its line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from loadtest.config import RunConfig
from loadtest.errors import UsageError

_MAX_BYTES: Final = 1 << 20


def make_config(path: Path | None, flags: Mapping[str, Any]) -> RunConfig:
    """Return the settings of the file, where one is given, with the flags above them.

    Raises UsageError.
    """
    settings, lines = read_workload(path) if path else ({}, {})
    given = {name: value for name, value in flags.items() if value is not None and value != []}
    try:
        return RunConfig(**(settings | given))
    except ValidationError as error:
        raise UsageError(_first(error, path, lines, given)) from None


def read_workload(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the file's settings and the line of each; raises UsageError."""
    try:
        text = path.read_bytes()[: _MAX_BYTES + 1]
        if len(text) > _MAX_BYTES:
            raise UsageError(f"{path} is larger than {_MAX_BYTES} bytes")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        settings = yaml.safe_load(text)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f":{mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{at}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: {str(error).splitlines()[0]}") from None
    if not isinstance(node, yaml.MappingNode) or not isinstance(settings, dict):
        raise UsageError(f"{path} must be a mapping of settings such as 'rate: 10'")
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if key.value in lines:
            raise UsageError(f"{path}:{key.start_mark.line + 1}: {key.value} is given twice")
        lines[key.value] = key.start_mark.line + 1
    for name in settings:
        if not isinstance(name, str) or name not in RunConfig.model_fields:
            line = lines.get(str(name), 1)
            raise UsageError(f"{path}:{line}: {name} is no setting; they are the flags of run")
    return settings, lines


def _first(
    error: ValidationError, path: Path | None, lines: Mapping[str, int], given: Mapping[str, Any]
) -> str:
    """Return the first error as one line that says where the setting was given."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    flag = f"--{name.replace('_', '-')}"
    if first["type"] == "missing":
        return f"{flag} is missing, and must be {RunConfig.model_fields[name].description}"
    where = f"{path}:{lines[name]}: {name}" if name in lines and name not in given else flag
    if first["type"] == "value_error":
        # A setting with a grammar of its own says the value itself.
        return f"{where}: {first['ctx']['error']}"
    must = first["msg"].removeprefix("Input should be ")
    return f"{where} is {str(first['input'])[:100]!r}, must be {must}"
