"""Settings as command line flags: one for each field of RunConfig, unset unless given."""

import inspect
import types
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from loadtest.config import RunConfig


def parameters(*, without: Collection[str] = ()) -> list[inspect.Parameter]:
    """Return the parameters of a typer command, one a setting; None stands for unset."""
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                _kind(field.annotation) | None,
                typer.Option(help=_help(field), show_default=False),
            ],
        )
        for name, field in RunConfig.model_fields.items()
        if name not in without
    ]


def _kind(annotation: Any) -> Any:
    """Return what typer parses for a setting's type."""
    if get_origin(annotation) in (Union, types.UnionType):
        (annotation,) = (one for one in get_args(annotation) if one is not type(None))
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is tuple:
        return list[str]
    return annotation if annotation in (bool, int, float, Path) or _is_enum(annotation) else str


def _is_enum(annotation: Any) -> bool:
    return isinstance(annotation, type) and hasattr(annotation, "__members__")


def _help(field: FieldInfo) -> str:
    assert field.description is not None
    if field.default in (PydanticUndefined, None, (), False):
        return field.description
    return f"{field.description} [default: {field.default}]"
