"""From a workload file and flags to a RunConfig; errors name the flag, or the file and its line."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from loadtest.config import RunConfig
from loadtest.errors import UsageError

# Some fifty settings, of lines that a person writes; PyYAML reads about 200 KiB a second.
_MAX_BYTES: Final = 1 << 17
# A setting is at most a list of texts; what is a little more is told as the wrong kind of value.
_MAX_DEPTH: Final = 8
# Where the library's own words are of Python.
_MUSTS: Final = {"tuple_type": "a list", "path_type": "a path"}
# Their values may hold a credential, or a prompt's text.
_UNSHOWN: Final = frozenset(
    ("target", "header", "bearer_token_file", "option", "metrics_url", "pushgateway")
)


def make_config(path: Path | None, flags: Mapping[str, Any]) -> RunConfig:
    """Return the settings of the file, where one is given, with the flags above them.

    Raises UsageError, which shows no value that may be a credential.
    """
    settings, lines = read_workload(path) if path else ({}, {})
    given = {name: value for name, value in flags.items() if value is not None and value != []}
    try:
        return RunConfig(**(settings | given))
    except ValidationError as error:
        raise UsageError(_first(error, path, lines, given)) from None


def read_workload(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the file's settings and the line of each; raises UsageError."""
    settings: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key, value in _compose(path, _read(path)).value:
        where = f"{path}:{key.start_mark.line + 1}"
        name = key.value if isinstance(key, yaml.ScalarNode) else "what is no text"
        if name not in RunConfig.model_fields:
            raise UsageError(f"{where}: {name[:40]} is no setting; they are the flags of run")
        if name in lines:
            raise UsageError(f"{where}: {name} is given twice")
        lines[name] = key.start_mark.line + 1
        settings[name] = _construct(f"{where}: {name}", value)
    return settings, lines


def _read(path: Path) -> bytes:
    try:
        # Anything else may have no end, or be readable once.
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is no regular file, must be one")
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    if len(text) > _MAX_BYTES:
        raise UsageError(f"{path} is larger than {_MAX_BYTES} bytes")
    return text


def _compose(path: Path, text: bytes) -> yaml.MappingNode:
    try:
        _check_events(path, yaml.parse(text, Loader=yaml.SafeLoader))
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f":{mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{at}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: {str(error).splitlines()[0]}") from None
    if not isinstance(node, yaml.MappingNode):
        raise UsageError(f"{path} must be a mapping of settings such as 'rate: 10'")
    return node


def _check_events(path: Path, events: Iterable[yaml.Event]) -> None:
    """Refuse what can grow beyond the file, or is more than settings need."""
    depth = 0
    for event in events:
        assert event.start_mark is not None, "PyYAML marks what it reads from a text"
        where = f"{path}:{event.start_mark.line + 1}"
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise UsageError(f"{where}: too many levels, must be settings with plain values")
        if isinstance(event, yaml.AliasEvent):
            raise UsageError(f"{where}: an alias is given, must be what it stands for")
        if getattr(event, "tag", None) is not None:
            raise UsageError(f"{where}: a tag is given, must be left out")


def _construct(where: str, node: yaml.Node) -> Any:
    """Return the value as YAML has it; ``where`` begins the error."""
    try:
        return yaml.SafeLoader("").construct_object(node, deep=True)
    except yaml.YAMLError as error:
        raise UsageError(f"{where}: {getattr(error, 'problem', error)}") from None
    except (ValueError, OverflowError):
        # Dates that are none, and numbers too long to be read.
        raise UsageError(f"{where} is no value that can be read; text is put in quotes") from None


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
    must = _MUSTS.get(first["type"]) or first["msg"].removeprefix("Input should be ")
    if name in _UNSHOWN:
        return f"{where} must be {must}"
    return f"{where} is {str(first['input'])[:100]!r}, must be {must}"
