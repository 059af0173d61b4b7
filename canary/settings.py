"""The kinds of values that a rollout file holds, each with what it allows."""

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

_UNITS_S: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)", re.ASCII)
_DURATION: Final = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
_MAX_S: Final = 30 * 86_400.0
_MATCHER: Final = r'[a-zA-Z_][a-zA-Z0-9_]*\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"'
_MATCHERS: Final = rf"\s*(?:{_MATCHER}\s*(?:,\s*{_MATCHER}\s*)*)?,?\s*"


def parse_duration(value: object) -> float:
    """Return seconds, to the millisecond, of a duration such as 90s, 5m or 1h30m."""
    text = value if isinstance(value, str) else f"{value:f}s" if isinstance(value, float) else ""
    if not _DURATION.fullmatch(text):
        raise ValueError("must be a duration such as 90s, 5m or 1h30m")
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
    if seconds > _MAX_S:
        raise ValueError("must be at most 30d")
    return round(seconds, 3)


def write_duration(seconds: float) -> str:
    """Return what parse_duration reads as the same number."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"


def _check_some_time(seconds: float) -> float:
    if seconds <= 0:
        raise ValueError("must be more than 0s")
    return seconds


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or parts.query or parts.fragment or any(c.isspace() for c in url):
        raise ValueError("must be a URL such as http://prometheus.monitoring:9090")
    if parts.username is not None or parts.password is not None:
        # The settings are kept in a ConfigMap and shown by status.
        raise ValueError("must hold no credentials: they belong into bearer_token_file")
    return url


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(write_duration),
    WithJsonSchema(
        {"type": "string", "pattern": rf"^(?:{_PART.pattern})+$", "examples": ["90s", "1h30m"]}
    ),
]
# Of what cannot be waited for in no time.
SomeTime = Annotated[Duration, AfterValidator(_check_some_time)]
Percent = Annotated[int, Field(ge=1, le=99, strict=True)]
Probability = Annotated[float, Field(gt=0, lt=0.5, allow_inf_nan=False, strict=True)]
Ratio = Annotated[float, Field(ge=1, le=100, allow_inf_nan=False, strict=True)]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False, strict=True)]
Edge = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
Number = Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Name = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=48)]
File = Annotated[str, Field(min_length=1, max_length=4096)]
Selector = Annotated[
    str,
    Field(
        pattern=rf"^[a-zA-Z_:][a-zA-Z0-9_:]*(?:\{{{_MATCHERS}\}})?$",
        max_length=2000,
        examples=['istio_requests_total{reporter="source"}'],
    ),
]
Matchers = Annotated[
    str,
    Field(pattern=rf"^{_MATCHERS}$", max_length=2000, examples=['namespace="r1"']),
]
Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Url = Annotated[str, AfterValidator(_check_url)]


class Settings(BaseModel):
    """A group of settings: unknown names are refused, docstrings are the schema's descriptions."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
