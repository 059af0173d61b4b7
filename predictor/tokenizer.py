"""A checkpoint's tokenizer: chats and raw prompts -> token ids, and what reading them back needs.

Loaded as PreTrainedTokenizerFast from tokenizer.json itself: transformers' Auto classes import
torch, and early releases of transformers 5 took R1-Distill's tokenizer for another kind.
"""

import codecs
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import jinja2
from tokenizers import Tokenizer as BackendTokenizer
from transformers import PreTrainedTokenizerFast

from predictor.chat import THINK_CLOSE, ProtectedChat
from predictor.engine.checkpoint import read_json_object
from predictor.errors import InvalidRequest, ModelRefused
from predictor.generation import Message

THINK_OPEN: Final = "<think>"
ROUND_TRIP: Final = "A  b\tc\n\n 12+34=46, naïve 你好 🙂 é"


class Tokenizer:
    """Encodes prompts so that only the chat template, never a user's text, makes control tokens."""

    def __init__(self, model_dir: Path) -> None:
        """Load and check the tokenizer; raises ModelRefused with the file and the fault."""
        path = model_dir / "tokenizer.json"
        settings = read_json_object(model_dir / "tokenizer_config.json")
        if "auto_map" in settings:
            raise ModelRefused("tokenizer_config.json has auto_map: remote code is never executed")
        serialized = read_json_object(path)
        try:
            self._fast = PreTrainedTokenizerFast(tokenizer_file=str(path))
            self._plain = BackendTokenizer.from_str(json.dumps(serialized | {"added_tokens": []}))
        except Exception as error:  # tokenizers raises nothing narrower.
            raise ModelRefused(f"tokenizer.json cannot be read: {error}") from error
        self._backend: BackendTokenizer = self._fast.backend_tokenizer
        self._control_tokens = {t.content: i for i, t in self._fast.added_tokens_decoder.items()}
        self._special_ids = {i for i, t in self._fast.added_tokens_decoder.items() if t.special}
        self._template_values = _special_tokens(settings)
        self._chat_template = _chat_template(model_dir, settings)
        self.think_open_id = self._control_tokens.get(THINK_OPEN)
        self.think_close_id = self._control_tokens.get(THINK_CLOSE)
        # The byte-level alphabet has one character for each byte.
        self._max_token_bytes = max(
            len(token.encode()) if token in self._control_tokens else len(token)
            for token in self._backend.get_vocab()
        )
        self._check_decoder(serialized)
        self._check_round_trip()
        self._check_chat_template()

    @property
    def max_token_id(self) -> int:
        return max(self._backend.get_vocab().values())

    @property
    def max_token_bytes(self) -> int:
        """The length in UTF-8 of the longest text that one token may stand for."""
        return self._max_token_bytes

    @property
    def eos_token_id(self) -> int | None:
        """The id of the eos token that tokenizer_config.json names."""
        return self._control_tokens.get(self._template_values.get("eos_token", ""))

    def encode_raw(self, prompt: str) -> list[int]:
        """Return the ids of the prompt as it is; control tokens it spells are control tokens."""
        return self._encode(prompt)

    def encode_chat(self, messages: tuple[Message, ...], *, enable_thinking: bool) -> list[int]:
        """Return the ids of the chat template filled in, ready for the assistant's turn.

        With ``enable_thinking`` off the reasoning is closed before it starts. Raises
        InvalidRequest for an order of roles that the template refuses.
        """
        chat = ProtectedChat(messages, self._control_tokens, self._normalize)
        text = self._render(chat)
        if not enable_thinking:
            text = self._close_thinking(text)
        prompt_ids: list[int] = []
        for piece, is_protected in chat.split(text):
            prompt_ids += self._encode_plain(piece) if is_protected else self._encode(piece)
        return prompt_ids

    def is_special(self, token_id: int) -> bool:
        """Whether the token leaves no text in an output."""
        return token_id in self._special_ids

    def decode_stream(self) -> "TextStream":
        return TextStream(self.token_bytes)

    def token_text(self, token_id: int) -> str:
        """Return the text of one token alone; bytes that are no whole character show as U+FFFD."""
        text: str = self._backend.decode([token_id], skip_special_tokens=False)
        return text

    def token_bytes(self, token_id: int) -> bytes:
        """Return what the token adds to an output, which may be a part of a character."""
        token: str | None = self._backend.id_to_token(token_id)
        if token is None or token_id in self._special_ids:
            return b""
        if all(character in BYTE_ALPHABET for character in token):
            return bytes(BYTE_ALPHABET[character] for character in token)
        return token.encode()

    def _encode(self, text: str) -> list[int]:
        return _encode(self._backend, text)

    def _encode_plain(self, text: str) -> list[int]:
        return _encode(self._plain, text)

    def _normalize(self, text: str) -> str:
        normalizer = self._backend.normalizer
        return text if normalizer is None else str(normalizer.normalize_str(text))

    def _render(self, chat: ProtectedChat) -> str:
        try:
            text = self._fast.apply_chat_template(
                chat.conversation,
                chat_template=self._chat_template,
                add_generation_prompt=True,
                tokenize=False,
                **self._template_values,
            )
        except jinja2.TemplateError:
            roles = [turn["role"] for turn in chat.conversation]
            raise InvalidRequest(
                f"messages have the roles {roles}, which the model's chat template refuses"
            ) from None
        assert isinstance(text, str)
        return text

    def _close_thinking(self, text: str) -> str:
        if self.think_open_id is None:
            raise InvalidRequest(
                f"enable_thinking is false, but the model has no {THINK_OPEN} to close"
            )
        if not text.rstrip().endswith(THINK_OPEN):
            text += f"{THINK_OPEN}\n"
        return f"{text}\n{THINK_CLOSE}\n\n"

    def _check_decoder(self, serialized: dict[str, object]) -> None:
        decoder = serialized.get("decoder")
        kind = decoder.get("type") if isinstance(decoder, dict) else None
        if kind != "ByteLevel":
            raise ModelRefused(f"tokenizer.json has decoder {kind}, must have ByteLevel")

    def _check_chat_template(self) -> None:
        try:
            prompt_ids = self.encode_chat((Message("user", "x"),), enable_thinking=True)
        except Exception as error:  # A template may raise anything at all.
            raise ModelRefused(f"the chat template cannot be filled in: {error}") from error
        if not prompt_ids:
            raise ModelRefused("the chat template gives an empty prompt")

    def _check_round_trip(self) -> None:
        for encode in (self._encode, self._encode_plain):
            decoded = self._backend.decode(encode(ROUND_TRIP), skip_special_tokens=False)
            if decoded != ROUND_TRIP:
                raise ModelRefused(
                    f"tokenizer.json does not give {ROUND_TRIP!r} back but {decoded!r}"
                )


def _encode(backend: BackendTokenizer, text: str) -> list[int]:
    # ``encode`` holds the GIL, and with it the event loop; the batch form does not.
    (encoding,) = backend.encode_batch_fast([text], add_special_tokens=False)
    ids: list[int] = encoding.ids
    return ids


class TextStream:
    """Token ids -> text, a whole character at a time; special tokens leave no text.

    Costs the same for every token: what is not yet a character is a few bytes, never a history.
    """

    def __init__(self, token_bytes: Callable[[int], bytes]) -> None:
        self._token_bytes = token_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token_id: int) -> str:
        return self._decoder.decode(self._token_bytes(token_id))

    def flush(self) -> str:
        """Return what is left of an unfinished character, as U+FFFD."""
        return self._decoder.decode(b"", final=True)


def _byte_alphabet() -> dict[str, int]:
    """Return the byte that each character of a byte-level vocabulary stands for.

    Printable Latin-1 stands for itself, the other bytes in their order for U+0100 on
    (Radford et al. 2019).
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(0x100 + index): byte for index, byte in enumerate(others)
    }


BYTE_ALPHABET: Final = _byte_alphabet()


def _special_tokens(settings: dict[str, object]) -> dict[str, str]:
    """Return the named tokens that chat templates use; each is a string or an object with one."""
    found = {}
    for name in ("bos_token", "eos_token", "pad_token", "unk_token"):
        token = settings.get(name)
        if isinstance(token, dict):
            token = token.get("content")
        if isinstance(token, str):
            found[name] = token
    return found


def _chat_template(model_dir: Path, settings: dict[str, object]) -> str:
    path = model_dir / "chat_template.jinja"
    try:
        in_file = path.read_text(encoding="utf-8") if path.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelRefused(f"{path.name} cannot be read: {error}") from None
    template = settings.get("chat_template") if in_file is None else in_file
    if not isinstance(template, str):
        raise ModelRefused("tokenizer_config.json has no chat_template, and no file holds one")
    return template
