"""Traces: files of requests with the times at which they once arrived."""

import re
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

import numpy as np

from loadtest.errors import UsageError
from loadtest.lengths import MAX_LENGTH
from loadtest.prompts.draws import Stream, rng_of
from loadtest.prompts.fields import Fields, parse_object
from loadtest.prompts.files import Question, take_question
from loadtest.prompts.line_file import LineFile
from loadtest.prompts.prompt import Message, Option, Prompt
from loadtest.prompts.words import Words
from loadtest.record import NEVER

# Mooncake's traces name blocks of that many tokens (USENIX FAST '25, section 4).
BLOCK_TOKENS: Final = 512
MAX_BLOCKS_KEPT: Final = 4096
MAX_AT_S: Final = 9e9
# Azure's public traces of LLM inference, 2023 and 2024.
AZURE_HEADER: Final = b"TIMESTAMP,ContextTokens,GeneratedTokens"
_AZURE_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:\+00:00|Z)?", re.ASCII
)
_NS: Final = 1_000_000_000

Times = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line: when, and a question, or lengths with the ids of the blocks that begin the prompt."""

    at: int
    question: Question | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    hash_ids: tuple[int, ...] = ()

    @property
    def bounds_output(self) -> bool:
        """Whether the line says how long the answer may be."""
        is_option = self.question is not None and "max_tokens" in self.question.options
        return is_option or self.output_tokens is not None


class Trace:
    """A checked trace; ``times`` are in ns since its first request.

    JSON lines with ``at_s``, or Mooncake's ``timestamp`` in ms, and either the fields of a prompt
    file (without ``turns``) or ``prompt_tokens`` and ``output_tokens`` (Mooncake's
    ``input_length`` and ``output_length``) with ``hash_ids``; or Azure's CSV. Times must not
    decrease. Raises UsageError, FILE:LINE first. In memory are 16 bytes a line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parse: Callable[[int, bytes], Entry] = self._parse_json
        self._num_headers = 0
        at = array("q")
        # The first line that says no prompt, and no length of its answer; counted from 1.
        self.first_without_prompt: int | None = None
        self.first_without_output: int | None = None
        # The first line that says more than its time.
        self.first_with_prompt: int | None = None
        self._lines = LineFile(path, partial(self._check, at))
        if not at:
            raise UsageError(f"{path}: has no request, must have at least one")
        self.times: Times = np.array(at, dtype=np.int64)
        self.times -= self.times[0]

    def __len__(self) -> int:
        return len(self.times)

    @property
    def path(self) -> Path:
        return self._path

    def entry(self, index: int) -> Entry:
        """Return the request of that index, its time as the file has it."""
        number = index + self._num_headers
        return self._parse(number + 1, self._lines.read(number))

    def refuse_prompts(self) -> None:
        """Raise UsageError where lines say more than their times, which alone would be used."""
        if self.first_with_prompt is not None:
            raise UsageError(
                f"{self._path}:{self.first_with_prompt}: line has a text or a length, must be a "
                "time alone, or be used by prompts=trace"
            )

    def _check(self, at: "array[int]", number: int, line: bytes) -> None:
        if number == 1 and not line.startswith(b"{"):
            self._begin_azure(line)
            return
        entry = self._parse(number, line)
        if at and entry.at < at[-1]:
            raise UsageError(
                f"{self._path}:{number}: time is {(at[-1] - entry.at) / _NS} s before that of the "
                "line above, must not be before it"
            )
        at.append(entry.at)
        if entry.question is None and entry.prompt_tokens is None:
            self.first_without_prompt = self.first_without_prompt or number
        if entry.question or entry.prompt_tokens or entry.output_tokens:
            self.first_with_prompt = self.first_with_prompt or number
        if not entry.bounds_output:
            self.first_without_output = self.first_without_output or number

    def _begin_azure(self, line: bytes) -> None:
        if line != AZURE_HEADER:
            raise UsageError(
                f"{self._path}:1: line is neither a JSON object nor {AZURE_HEADER.decode()}"
            )
        self._parse = self._parse_azure
        self._num_headers = 1

    def _parse_json(self, number: int, line: bytes) -> Entry:
        fields = parse_object(f"{self._path}:{number}: ", line)
        at = _take_time(fields)
        question = take_question(fields)
        prompt_tokens = _take_length(fields, "prompt_tokens", "input_length")
        output_tokens = _take_length(fields, "output_tokens", "output_length")
        hash_ids = _take_hash_ids(fields, prompt_tokens)
        fields.end()
        if question is not None:
            _check_question(fields, question, prompt_tokens, output_tokens)
        return Entry(at, question, prompt_tokens, output_tokens, hash_ids)

    def _parse_azure(self, number: int, line: bytes) -> Entry:
        where = f"{self._path}:{number}: "
        columns = line.decode("ascii", "replace").split(",")
        if len(columns) != 3:
            raise UsageError(f"{where}line has {len(columns)} columns, must have 3")
        time, prompt_tokens, output_tokens = columns
        return Entry(
            _parse_azure_time(where, time),
            prompt_tokens=_parse_azure_length(where, "ContextTokens", prompt_tokens),
            output_tokens=_parse_azure_length(where, "GeneratedTokens", output_tokens),
        )


class TraceSource:
    """The prompts of a trace's lines, or texts of the lengths they say.

    Lengths are tokens where ``words`` has a tokenizer, and words otherwise. Equal ``hash_ids``
    give equal text of BLOCK_TOKENS each; what they do not cover is the request's own. An answer's
    length becomes ``max_tokens``. Raises UsageError where a line has neither.
    """

    def __init__(self, trace: Trace, words: Words, *, seed: int) -> None:
        if trace.first_without_prompt is not None:
            raise UsageError(
                f"{trace.path}:{trace.first_without_prompt}: prompt_tokens is missing, must be "
                "given, or text or messages, for prompts=trace"
            )
        self.max_turns = 1
        self._trace = trace
        self._words = words
        self._seed = seed
        self._block = lru_cache(MAX_BLOCKS_KEPT)(self._write_block)

    def prompt(self, index: int) -> Prompt:
        entry = self._trace.entry(index)
        options: dict[str, Option] = {}
        if entry.output_tokens is not None:
            options["max_tokens"] = entry.output_tokens
        if entry.question is not None:
            question = entry.question
            return Prompt(question.messages, {**question.options, **options}, question.expected)
        assert entry.prompt_tokens is not None, "the trace has been checked"
        return Prompt(
            (Message("user", self._write(index, entry.prompt_tokens, entry.hash_ids)),),
            options,
            asked_prompt_tokens=entry.prompt_tokens if self._words.counts_tokens else NEVER,
        )

    def follow_up(self, index: int, before: Prompt, answer: str) -> None:
        return None

    def _write(self, index: int, length: int, hash_ids: tuple[int, ...]) -> str:
        rng = rng_of(self._seed, Stream.TEXT, index)
        texts = [self._block(hash_id) for hash_id in hash_ids]
        rest = length - BLOCK_TOKENS * len(hash_ids)
        if rest > 0:
            texts.append(self._words.write(rng, rest, serial=index))
        if rest < 0:
            texts[-1] = " ".join(texts[-1].split(" ")[:rest])
        return self._words.fit(rng, " ".join(texts), length)

    def _write_block(self, hash_id: int) -> str:
        rng = rng_of(self._seed, Stream.BLOCK, hash_id)
        return self._words.write(rng, BLOCK_TOKENS, serial=hash_id)


def _take_time(fields: Fields) -> int:
    at_s = fields.take_number("at_s", most=MAX_AT_S)
    timestamp = fields.take_number("timestamp", most=MAX_AT_S * 1000)
    if at_s is not None and timestamp is not None:
        raise fields.refuse("timestamp", timestamp, "left out where at_s is given")
    if at_s is not None:
        return round(at_s * _NS)
    if timestamp is not None:
        return round(timestamp * 1_000_000)
    raise fields.refuse("at_s", None, "seconds, or timestamp in milliseconds")


def _take_length(fields: Fields, name: str, mooncake: str) -> int | None:
    ours = fields.take_whole(name, least=1, most=MAX_LENGTH)
    theirs = fields.take_whole(mooncake, least=1, most=MAX_LENGTH)
    if ours is not None and theirs is not None:
        raise fields.refuse(mooncake, theirs, f"left out where {name} is given")
    return theirs if ours is None else ours


def _take_hash_ids(fields: Fields, prompt_tokens: int | None) -> tuple[int, ...]:
    hash_ids = fields.take_list("hash_ids")
    for number, hash_id in enumerate(hash_ids):
        if type(hash_id) is not int or not 0 <= hash_id < 2**63:
            raise fields.refuse(f"hash_ids[{number}]", hash_id, "a whole number of 0..2^63-1")
    if not hash_ids:
        return ()
    if prompt_tokens is None:
        raise fields.refuse("hash_ids", hash_ids, "left out where no length is given")
    most = -(-prompt_tokens // BLOCK_TOKENS)
    if len(hash_ids) > most:
        allowed = f"a list of at most {most}, one for each {BLOCK_TOKENS} tokens of the prompt"
        raise fields.refuse("hash_ids", hash_ids, allowed)
    return tuple(hash_ids)


def _check_question(
    fields: Fields, question: Question, prompt_tokens: int | None, output_tokens: int | None
) -> None:
    """Refuse what a line with a question may not have beside it."""
    if prompt_tokens is not None:
        allowed = "left out where text or messages are given"
        raise fields.refuse("prompt_tokens", prompt_tokens, allowed)
    if question.turns:
        raise fields.refuse("turns", [*question.turns], "left out: each line has a time of its own")
    if output_tokens is not None and "max_tokens" in question.options:
        allowed = "left out where options.max_tokens is given"
        raise fields.refuse("output_tokens", output_tokens, allowed)


def _parse_azure_time(where: str, text: str) -> int:
    match = _AZURE_TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        seconds = datetime.fromisoformat(f"{match[1]}+00:00").timestamp()
    except ValueError:
        raise UsageError(
            f"{where}TIMESTAMP is {text[:40]!r}, must be such as 2023-11-16 18:15:46.6805900"
        ) from None
    return int(seconds) * _NS + int((match[2] or "").ljust(9, "0"))


def _parse_azure_length(where: str, name: str, text: str) -> int:
    # Seven digits are above any length allowed.
    length = int(text) if re.fullmatch(r"\d{1,7}", text, re.ASCII) else 0
    if not 1 <= length <= MAX_LENGTH:
        raise UsageError(
            f"{where}{name} is {text[:40]!r}, must be a whole number of 1..{MAX_LENGTH}"
        )
    return length
