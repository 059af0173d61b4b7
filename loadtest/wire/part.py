"""What one piece of an answer says: a unary body, a server-sent event or a gRPC message."""

from typing import Final, NamedTuple, Protocol

from loadtest.prompts.prompt import Prompt
from loadtest.record import NEVER, FinishReason


class Usage(NamedTuple):
    """Tokens as the server counts them; NEVER where it does not say."""

    prompt_tokens: int = NEVER
    completion_tokens: int = NEVER
    reasoning_tokens: int = NEVER


NO_USAGE: Final = Usage()


class Part(NamedTuple):
    """Texts are what this piece adds. ``error`` is the server's own word for a failure.

    A tuple, since one is made of every event: a frozen dataclass takes twice as long to make.
    """

    text: str = ""
    reasoning: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    error: str | None = None
    # Nothing follows: the unary body, the part with the finish reason, OpenAI's [DONE].
    is_last: bool = False


NOTHING: Final = Part()


class Wire(Protocol):
    """One protocol of the target."""

    is_stream: bool
    # HTTP's path and query, or gRPC's /service/method.
    path: str
    # Media type of the body, and what is accepted; gRPC has its own.
    content_type: str
    accept: str

    def encode(self, prompt: Prompt, request_id: str) -> bytes:
        """Return the body, or gRPC's message without its frame."""
        ...

    def decode(self, payload: bytes) -> Part:
        """Return what a unary body, an event's data or a message says.

        Raises AnswerError where it is not of the protocol.
        """
        ...

    def decode_error(self, payload: bytes) -> str:
        """Return the server's word for an error from the body of a status that is not 200.

        At most 200 characters; empty where it has none.
        """
        ...
