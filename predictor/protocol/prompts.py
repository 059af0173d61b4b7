"""A prompt as a client sends it -> GenerationRequest. Errors never spell a prompt."""

from typing import Final, Literal

from predictor.errors import InvalidRequest
from predictor.generation import GenerationOptions, GenerationRequest, Message
from predictor.protocol.json_text import check_list, check_members, check_object
from predictor.protocol.wording import kind, listing

ROLES: Final[dict[str, Literal["system", "user", "assistant"]]] = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
}


def text_request(text: str, options: GenerationOptions) -> GenerationRequest:
    """Return a request for one user message or, with ``raw``, for the text as it is."""
    if not text:
        raise InvalidRequest("text_input is empty, must be at least 1 character")
    return GenerationRequest((Message("user", text),), options)


def chat_request(messages: object, options: GenerationOptions) -> GenerationRequest:
    """Return a request for a parsed JSON list of chat messages, the last one the user's."""
    if options.raw:
        raise InvalidRequest("raw is true, must be false with messages; raw goes with text_input")
    turns = check_list(messages, "messages")
    if not turns:
        raise InvalidRequest("messages is empty, must hold at least 1 message")
    chat = tuple(_read_message(turn, f"messages[{index}]") for index, turn in enumerate(turns))
    if chat[-1].role != "user":
        raise InvalidRequest(f"the last of messages has role {chat[-1].role!r}, must be 'user'")
    return GenerationRequest(chat, options)


def _read_message(turn: object, what: str) -> Message:
    message = check_object(turn, what)
    check_members(message, what, required=("role", "content"))
    role, content = message["role"], message["content"]
    # Not quoted: a client that swaps the two members has put its prompt here.
    if not isinstance(role, str) or role not in ROLES:
        raise InvalidRequest(f"{what}: role is unknown, must be one of {listing(ROLES)}")
    if not isinstance(content, str):
        raise InvalidRequest(f"{what}: content is {kind(content)}, must be a string")
    if not content:
        raise InvalidRequest(f"{what}: content is empty, must be at least 1 character")
    return Message(ROLES[role], content)
