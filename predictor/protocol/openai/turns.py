"""The messages of a chat in OpenAI's form. Errors never spell a prompt."""

from collections.abc import Mapping
from typing import Final, Literal

from predictor.errors import InvalidRequest
from predictor.generation import Message
from predictor.protocol.json_text import check_list, check_members, check_object
from predictor.protocol.openai.body import present
from predictor.protocol.wording import kind, listing

ROLES: Final[dict[str, Literal["system", "user", "assistant"]]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
UNSUPPORTED: Final = (
    *("name", "refusal", "audio", "annotations"),
    *("tool_calls", "tool_call_id", "function_call"),
)
UNSUPPORTED_PARTS: Final = ("image_url", "input_audio", "file", "refusal")


def read_turns(value: object) -> tuple[Message, ...]:
    """Return the messages, the last one the user's.

    The text parts of one content are joined by line feeds, as vLLM does. ``reasoning_content`` of
    an earlier answer is taken and left out of the prompt, as R1's chat template has it.
    """
    turns = check_list(value, "messages")
    if not turns:
        raise InvalidRequest("messages is empty, must hold at least 1 message")
    chat = tuple(_read_turn(turn, f"messages[{index}]") for index, turn in enumerate(turns))
    if chat[-1].role != "user":
        raise InvalidRequest(f"messages ends with role {chat[-1].role}, must end with role user")
    return chat


def _read_turn(value: object, what: str) -> Message:
    turn = present(check_object(value, what))
    for name in UNSUPPORTED:
        # An empty list is what a client sends back of an answer without tool calls.
        if turn.pop(name, []) != []:
            raise InvalidRequest(f"{what}: {name} is not supported, leave it out")
    role = _read_role(turn, what)
    optional = ("reasoning_content",) if role == "assistant" else ()
    check_members(turn, what, required=("role", "content"), optional=optional)
    if not isinstance(turn.get("reasoning_content", ""), str):
        raise InvalidRequest(
            f"{what}: reasoning_content is {kind(turn['reasoning_content'])}, must be a string"
        )
    content = _read_content(turn["content"], what)
    # An answer may be empty: its reasoning can take up all of max_tokens.
    if not content and role != "assistant":
        raise InvalidRequest(f"{what}: content is empty, must be at least 1 character")
    return Message(role, content)


def _read_role(turn: Mapping[str, object], what: str) -> Literal["system", "user", "assistant"]:
    role = turn.get("role")
    if role is None:
        raise InvalidRequest(f"{what} has no role")
    # Not quoted: a client that swaps the two members has put its prompt here.
    if not isinstance(role, str) or role not in ROLES:
        raise InvalidRequest(f"{what}: role is unknown, must be one of {listing(ROLES)}")
    return ROLES[role]


def _read_content(content: object, what: str) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise InvalidRequest(
            f"{what}: content is {kind(content)}, must be a string or a list of text parts"
        )
    parts = (_read_part(part, f"{what}: content[{i}]") for i, part in enumerate(content))
    return "\n".join(parts)


def _read_part(value: object, what: str) -> str:
    part = present(check_object(value, what))
    part_type = part.get("type")
    if part_type != "text":
        named = part_type in UNSUPPORTED_PARTS
        spelled = f"has type {part_type}" if named else "has no type that is known"
        raise InvalidRequest(f"{what} {spelled}, must have type text")
    check_members(part, what, required=("type", "text"))
    text = part["text"]
    if not isinstance(text, str):
        raise InvalidRequest(f"{what}: text is {kind(text)}, must be a string")
    return text
