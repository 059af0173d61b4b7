"""Settings as command line flags: one for each field that ``config.flag`` made."""

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

Config = TypeVar("Config")


def parameters(configs: Iterable[type]) -> list[inspect.Parameter]:
    """Return the parameters of a typer command with the flags of these dataclasses."""
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=Annotated[
                get_type_hints(config)[field.name],
                typer.Option(
                    help=field.metadata["text"],
                    min=field.metadata["least"],
                    max=field.metadata["most"],
                ),
            ],
        )
        for config in configs
        for field in _flags(config)
    ]


def build(config: type[Config], values: Mapping[str, Any], **others: Any) -> Config:
    """Return the dataclass made of its flags among ``values`` and of ``others``."""
    return config(**{field.name: values[field.name] for field in _flags(config)}, **others)


def _flags(config: type) -> list[dataclasses.Field[Any]]:
    assert dataclasses.is_dataclass(config)
    return [field for field in dataclasses.fields(config) if "text" in field.metadata]
