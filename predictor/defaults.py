"""What generation_config.json says where a request does not."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from predictor.engine.checkpoint import read_json_object
from predictor.errors import InvalidRequest, ModelRefused
from predictor.protocol.parameters import parse_options
from predictor.protocol.wording import quote

DEFAULT_MAX_TOKENS: Final = 2048

GENERATION_CONFIG: Final = "generation_config.json"
# The members that are read, held to the bounds of a request; the rest concerns transformers alone.
SAMPLING_MEMBERS: Final = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")


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
    """Read generation_config.json; a checkpoint without one is greedy. Raises ModelRefused."""
    path = model_dir / GENERATION_CONFIG
    if not path.is_file():
        return GenerationDefaults()
    members = read_json_object(path)
    given = {name: members[name] for name in SAMPLING_MEMBERS if members.get(name) is not None}
    try:
        sampling = parse_options(given).model_dump(include=set(given))
    except InvalidRequest as error:
        raise ModelRefused(f"{GENERATION_CONFIG}: {error}") from None
    temperature = sampling.pop("temperature", 1.0)
    return GenerationDefaults(
        temperature=temperature if _parse_do_sample(members) else 0.0,
        eos_token_ids=_parse_eos(members),
        **sampling,
    )


def _parse_do_sample(members: dict[str, object]) -> bool:
    value = members.get("do_sample")
    if value is not None and not isinstance(value, bool):
        raise ModelRefused(
            f"{GENERATION_CONFIG}: do_sample is {quote(value)}, must be true or false"
        )
    return bool(value)


def _parse_eos(members: dict[str, object]) -> tuple[int, ...]:
    value = members.get("eos_token_id")
    if value is None:
        return ()
    ids = value if isinstance(value, list) else [value]
    if not all(type(token_id) is int and token_id >= 0 for token_id in ids):
        raise ModelRefused(
            f"{GENERATION_CONFIG}: eos_token_id is {quote(value)}, must be a token id or a list of "
            "them"
        )
    return tuple(ids)
