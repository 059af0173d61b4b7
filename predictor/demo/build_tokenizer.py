"""Build the tokenizer: Qwen2's byte-level BPE, small, with DeepSeek-R1's control tokens."""

import json
import random
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.normalizers import NFC
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.processors import ByteLevel as ByteLevelProcessor
from tokenizers.trainers import BpeTrainer

from predictor.demo.conversations import draw_conversation

NUM_BPE_TOKENS = 634
NUM_CORPUS_CONVERSATIONS = 20_000
MODEL_MAX_LENGTH = 4096

BOS = "<｜begin▁of▁sentence｜>"
EOS = "<｜end▁of▁sentence｜>"
# Content and special flag, in the order of their ids, as in DeepSeek-R1-Distill-Qwen: a token
# that is not special stays in a completion decoded with skip_special_tokens.
CONTROL_TOKENS = (
    (EOS, True),
    ("<｜User｜>", False),
    ("<｜Assistant｜>", False),
    (BOS, True),
    ("<think>", False),
    ("</think>", False),
)
# Qwen2's: each digit stands alone.
SPLIT_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = """\
{%- set ns = namespace(system='') -%}
{%- for message in messages if message['role'] == 'system' -%}
{%- set ns.system = message['content'] -%}
{%- endfor -%}
{{- bos_token + ns.system -}}
{%- for message in messages -%}
{%- if message['role'] == 'user' -%}
{{- '<｜User｜>' + message['content'] -}}
{%- elif message['role'] == 'assistant' -%}
{{- '<｜Assistant｜>' + message['content'].split('</think>')[-1] + '<｜end▁of▁sentence｜>' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<｜Assistant｜><think>\\n' -}}
{%- endif -%}
"""


def build_tokenizer(rng: random.Random) -> Tokenizer:
    """Return a tokenizer that gives back any NFC text exactly, its merges learnt from draws."""
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = NFC()
    tokenizer.pre_tokenizer = Sequence(
        [
            Split(Regex(SPLIT_PATTERN), behavior="isolated"),
            ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = ByteLevelDecoder()
    tokenizer.post_processor = ByteLevelProcessor(trim_offsets=False)
    trainer = BpeTrainer(
        vocab_size=NUM_BPE_TOKENS,
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(rng), trainer)
    tokenizer.add_tokens(
        [
            AddedToken(content, special=is_special, normalized=False)
            for content, is_special in CONTROL_TOKENS
        ]
    )
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, directory: Path) -> None:
    """Write tokenizer.json and tokenizer_config.json, spelled as the real checkpoint's are."""
    tokenizer.save(str(directory / "tokenizer.json"))
    config = {
        "add_bos_token": True,
        "add_eos_token": False,
        "bos_token": _token_entry(BOS),
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": _token_entry(EOS),
        "legacy": True,
        "model_max_length": MODEL_MAX_LENGTH,
        "pad_token": _token_entry(EOS),
        "sp_model_kwargs": {},
        "tokenizer_class": "LlamaTokenizerFast",
        "unk_token": None,
        "use_default_system_prompt": False,
    }
    text = json.dumps(config, ensure_ascii=False, indent=2)
    (directory / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")


def _corpus(rng: random.Random) -> list[str]:
    texts = []
    for _ in range(NUM_CORPUS_CONVERSATIONS):
        conversation = draw_conversation(rng)
        texts += [message["content"] for message in conversation.messages]
        # Control tokens stand outside the merges, so the text is cut at them as it will be in use.
        texts += conversation.completion.split("</think>")
    return texts


def _token_entry(content: str) -> dict[str, str | bool]:
    return {
        "__type": "AddedToken",
        "content": content,
        "lstrip": False,
        "normalized": True,
        "rstrip": False,
        "single_word": False,
    }
