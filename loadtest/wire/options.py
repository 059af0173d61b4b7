"""Generation parameters by V2's names -> what each protocol calls them."""

from collections.abc import Mapping
from typing import Final

import orjson

from loadtest.errors import UsageError
from loadtest.prompts.prompt import Option, Prompt

# What the tester itself decides; a choice more than one would mix several answers.
_OWN_MEMBERS: Final = ("model", "messages", "prompt", "stream", "stream_options", "n")


def single_text(prompt: Prompt) -> str | None:
    """Return the text of a chat that is one message of the user's; None for any other."""
    if len(prompt.messages) == 1 and prompt.messages[0].role == "user":
        return prompt.messages[0].content
    return None


def chat(prompt: Prompt) -> list[dict[str, str]]:
    """Return the messages as every protocol spells them."""
    return [{"role": message.role, "content": message.content} for message in prompt.messages]


def scalar_parameters(options: Mapping[str, Option]) -> dict[str, str | int | float | bool]:
    """Return the options where the wire has no lists: those are the text of a JSON list.

    V2's parameters are strings, numbers and booleans (Open Inference Protocol, infer request).
    """
    return {
        name: orjson.dumps(value).decode() if isinstance(value, list) else value
        for name, value in options.items()
    }


def chat_members(options: Mapping[str, Option]) -> dict[str, object]:
    """Return the options as members of a chat completion; raises UsageError for ``raw``.

    What OpenAI has no name for keeps V2's, as vLLM and SGLang take it.
    """
    _refuse_own(options)
    members: dict[str, object] = dict(options)
    if members.pop("raw", False):
        raise UsageError("option raw is true, must be false for a chat; openai-completions is raw")
    if "logprobs" in members:
        # V2 counts alternatives; a chat asks for them by a boolean and a count.
        members["top_logprobs"] = members["logprobs"]
        members["logprobs"] = True
    if "enable_thinking" in members:
        members["chat_template_kwargs"] = {"enable_thinking": members.pop("enable_thinking")}
    return members


def completion_members(options: Mapping[str, Option]) -> dict[str, object]:
    """Return the options as members of a completion; raises UsageError where ``raw`` is false."""
    _refuse_own(options)
    members: dict[str, object] = dict(options)
    if not members.pop("raw", True):
        raise UsageError("option raw is false, must be true for completions: they have no template")
    return members


def _refuse_own(options: Mapping[str, Option]) -> None:
    for name in _OWN_MEMBERS:
        if name in options:
            raise UsageError(f"option {name} is given, must be left out: the protocol decides it")
