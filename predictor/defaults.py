"""What generation_config.json says where a request does not."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from predictor.errors import ModelRefused

DEFAULT_MAX_TOKENS: Final = 2048


TokenId = Annotated[int, Field(ge=0)]


class _GenerationConfig(BaseModel):
    """The part of the file that is read; the rest concerns transformers alone."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)

    # The bounds are those of a request: GenerationOptions.
    do_sample: bool | None = None
    temperature: Annotated[float, Field(ge=0.01, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(ge=0.01, le=10)] | None = None
    eos_token_id: TokenId | list[TokenId] | None = None


@dataclass(frozen=True, slots=True)
class GenerationDefaults:
    """The checkpoint's own sampling; greedy without ``do_sample``, as transformers has it."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    eos_token_ids: tuple[int, ...] = ()


def load_generation_defaults(model_dir: Path) -> GenerationDefaults:
    """Read generation_config.json; a checkpoint without one is greedy."""
    path = model_dir / "generation_config.json"
    if not path.is_file():
        return GenerationDefaults()
    try:
        config = _GenerationConfig.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise ModelRefused(f"generation_config.json: {field}: {first['msg']}") from None
    temperature = 1.0 if config.temperature is None else config.temperature
    eos = config.eos_token_id
    return GenerationDefaults(
        temperature=temperature if config.do_sample else 0.0,
        top_p=1.0 if config.top_p is None else config.top_p,
        top_k=config.top_k or 0,
        min_p=config.min_p or 0.0,
        repetition_penalty=config.repetition_penalty or 1.0,
        eos_token_ids=() if eos is None else (eos,) if isinstance(eos, int) else tuple(eos),
    )
