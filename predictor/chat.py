"""A chat that keeps its control-token spellings out of the chat template's reach.

DeepSeek-R1-Distill marks ``<｜User｜>``, ``<think>`` and others as not special, so no switch of the
tokenizer takes them for text.
"""

import re
import secrets
import unicodedata
from collections.abc import Callable, Collection, Iterator
from typing import Final

from predictor.generation import Message

THINK_CLOSE: Final = "</think>"


class ProtectedChat:
    """``conversation`` is for the template; ``split`` takes the rendered text apart again.

    Only the control tokens that messages spell stand behind placeholders, so ordinary messages
    are rendered and encoded as one text and get the very ids that transformers gives them.
    """

    def __init__(
        self,
        messages: tuple[Message, ...],
        control_tokens: Collection[str],
        normalize: Callable[[str], str],
    ) -> None:
        spellings = sorted(control_tokens, key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, spellings)) or r"(?!)")
        self._normalize = normalize
        # Private-use characters around a number that nobody can foresee.
        self._nonce = secrets.token_hex(8)
        self._hidden: list[str] = []
        self.conversation = [
            {"role": message.role, "content": self._protect(message)} for message in messages
        ]

    def split(self, rendered: str) -> Iterator[tuple[str, bool]]:
        """Yield the pieces of the rendered text in order, and whether each is a hidden one."""
        placeholder = re.compile(f"\\ue000{self._nonce}:(\\d+)\\ue001")
        for index, piece in enumerate(placeholder.split(rendered)):
            is_hidden = index % 2 == 1
            text = self._hidden[int(piece)] if is_hidden else piece
            if text:
                yield text, is_hidden

    def _protect(self, message: Message) -> str:
        content = message.content
        if message.role == "assistant" and self._control.fullmatch(THINK_CLOSE):
            # Earlier reasoning is no part of the history, as in R1's own template.
            content = content.rpartition(THINK_CLOSE)[2]
        if self._changes_when_normalized(content):
            return self._hide(content)
        return self._control.sub(lambda match: self._hide(match.group()), content)

    def _changes_when_normalized(self, content: str) -> bool:
        """Whether normalizing makes a control token, or breaks one of the template's before it."""
        if unicodedata.combining(content[:1] or " "):
            return True
        rest = self._control.sub("", content)
        return self._control.search(self._normalize(rest)) is not None

    def _hide(self, text: str) -> str:
        self._hidden.append(text)
        return f"\ue000{self._nonce}:{len(self._hidden) - 1}\ue001"
