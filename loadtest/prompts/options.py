"""Generation parameters given by flags, for every prompt alike."""

import re
from collections.abc import Mapping
from typing import Final

import orjson

from loadtest.config import RunConfig
from loadtest.errors import UsageError
from loadtest.prompts.fields import allowed_instead, describe
from loadtest.prompts.prompt import Option

_OPTION: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_.]*)=(?P<value>.*)", re.DOTALL)


def parse_options(config: RunConfig) -> dict[str, Option]:
    """Return ``option`` and ``ignore_eos`` by name; ``output_tokens`` is drawn for each prompt.

    Raises UsageError naming the option that is no NAME=JSON, is given twice, or is a flag's own.
    """
    options: dict[str, Option] = {}
    for number, text in enumerate(config.option, 1):
        name, value = _parse_option(number, text)
        if name in options:
            raise UsageError(f"option {name} is given twice, must be given once")
        options[name] = value
    if config.ignore_eos:
        _refuse_given(options, "ignore_eos", flag="ignore_eos")
        options["ignore_eos"] = True
    if config.output_tokens is not None:
        _refuse_given(options, "max_tokens", flag="output_tokens")
    return options


def _refuse_given(options: Mapping[str, Option], name: str, *, flag: str) -> None:
    if name in options:
        raise UsageError(f"option {name} is given, must be left out where {flag} is set")


def _parse_option(number: int, text: str) -> tuple[str, Option]:
    # The value may be the text of a prompt: it is never shown.
    match = _OPTION.fullmatch(text)
    if match is None:
        raise UsageError(f"option number {number} must be NAME=JSON such as temperature=0")
    name, value = match["name"], match["value"]
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise UsageError(
            f"option {name} is {len(value)} characters, must be JSON; "
            f"""a string is quoted for the shell too: '{name}="text"'"""
        ) from None
    if allowed := allowed_instead(name, parsed):
        raise UsageError(f"option {name} is {describe(parsed)}, must be {allowed}")
    return name, parsed
