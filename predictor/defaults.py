"""What stands where a request says nothing: the operator's word, the checkpoint's, or our own."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from predictor.defaults_dir import GENERATION_FILE, SYSTEM_PROMPT_FILE, Snapshot
from predictor.engine.checkpoint import read_json_object
from predictor.errors import InvalidRequest, ModelRefused, SettingRefused
from predictor.generation import GenerationOptions
from predictor.protocol.json_text import check_members, check_object, parse_json
from predictor.protocol.parameters import parse_options
from predictor.protocol.wording import quote

DEFAULT_MAX_TOKENS: Final = 2048

GENERATION_CONFIG: Final = "generation_config.json"
# The members that are read, held to the bounds of a request; the rest concerns transformers alone.
SAMPLING_MEMBERS: Final = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
# The options that an operator may set for others. A seed would make all answers the same, and the
# rest belongs to what one client asks and how it reads the answer.
OPERATOR_MEMBERS: Final = (
    *SAMPLING_MEMBERS,
    *("presence_penalty", "frequency_penalty"),
    *("max_tokens", "max_thinking_tokens", "enable_thinking"),
)


@dataclass(frozen=True, slots=True)
class GenerationDefaults:
    """A value for every option that has one unasked; these are the built-in ones."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    max_tokens: int = DEFAULT_MAX_TOKENS
    max_thinking_tokens: int | None = None
    enable_thinking: bool = True
    system_prompt: str | None = None
    eos_token_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class OperatorDefaults:
    """What the files of ``snapshot`` say."""

    snapshot: Snapshot
    options: GenerationOptions
    system_prompt: str | None

    def over(self, defaults: GenerationDefaults) -> GenerationDefaults:
        """Return the defaults with the operator's in their place."""
        given = self.options.model_dump(exclude_unset=True)
        return replace(defaults, system_prompt=self.system_prompt, **given)


def parse_operator_defaults(snapshot: Snapshot) -> OperatorDefaults:
    """Return what the files say; raises SettingRefused, naming file, field, value and bounds.

    No error spells the system prompt.
    """
    if snapshot.fault is not None:
        raise SettingRefused(snapshot.fault)
    options, system_prompt = GenerationOptions(), None
    if (content := snapshot.files.get(GENERATION_FILE)) is not None:
        options = _parse_generation(content, f"{snapshot.directory}/{GENERATION_FILE}")
    if (content := snapshot.files.get(SYSTEM_PROMPT_FILE)) is not None:
        system_prompt = _parse_prompt(content, f"{snapshot.directory}/{SYSTEM_PROMPT_FILE}")
    return OperatorDefaults(snapshot, options, system_prompt)


def _parse_generation(content: bytes, path: str) -> GenerationOptions:
    try:
        members = check_object(parse_json(content, "the content"), "the content")
        check_members(members, "the content", optional=OPERATOR_MEMBERS)
        return parse_options(members)
    except InvalidRequest as error:
        raise SettingRefused(f"{path}: {error}") from None


def _parse_prompt(content: bytes, path: str) -> str | None:
    """Return the text without the line ends behind it; None for an empty one."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise SettingRefused(f"{path} is not UTF-8 from byte {error.start} on, must be") from None
    if "\0" in text:
        at = content.index(b"\0")
        raise SettingRefused(f"{path} has a NUL at byte {at}, must have none")
    return text.rstrip("\r\n") or None


def load_generation_defaults(model_dir: Path) -> GenerationDefaults:
    """Read generation_config.json: without one, or without its ``do_sample``, sampling is greedy.

    So has transformers it. Raises ModelRefused.
    """
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
