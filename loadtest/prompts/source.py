"""The prompts of a run, made from its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from loadtest.config import Prompts, RunConfig
from loadtest.errors import UsageError
from loadtest.lengths import Lengths, parse_lengths
from loadtest.prompts.arithmetic import ArithmeticSource
from loadtest.prompts.conversations import Conversations, TurnSource
from loadtest.prompts.counting import LocalTokenizer
from loadtest.prompts.draws import Stream, rng_of
from loadtest.prompts.files import FileSource
from loadtest.prompts.options import parse_options
from loadtest.prompts.prompt import Option, Prompt, PromptSource
from loadtest.prompts.synthetic import SyntheticSource
from loadtest.prompts.trace import Trace, TraceSource
from loadtest.prompts.words import Words
from loadtest.record import NEVER

_UNASKED: Final = "check_combinations has not been asked"


@dataclass(slots=True)
class Workload:
    """A PromptSource whose prompts carry the run's options.

    A prompt's own options, those of its line, hold over the run's. Where neither says
    ``max_tokens``, it is drawn from ``output_lengths``; ``asked_output_tokens`` is what it is.
    """

    source: PromptSource
    options: Mapping[str, Option]
    output_lengths: Lengths | None
    seed: int
    # Prompts before they come round again; None where they do not.
    num_distinct: int | None = None
    max_turns: int = field(init=False)

    def __post_init__(self) -> None:
        self.max_turns = self.source.max_turns

    def prompt(self, index: int) -> Prompt:
        return self._ask(index, self.source.prompt(index))

    def follow_up(self, index: int, before: Prompt, answer: str) -> Prompt | None:
        following = self.source.follow_up(index, before, answer)
        return None if following is None else self._ask(index, following)

    def _ask(self, index: int, prompt: Prompt) -> Prompt:
        options = {**self.options, **prompt.options}
        if self.output_lengths is not None and "max_tokens" not in options:
            rng = rng_of(self.seed, Stream.OUTPUT_LENGTH, index, prompt.turn)
            options["max_tokens"] = self.output_lengths.draw(rng)
        most = options.get("max_tokens")
        asked = most if type(most) is int else NEVER
        return replace(prompt, options=options, asked_output_tokens=asked)


def make_source(config: RunConfig) -> Workload:
    """Return the prompts of a run whose settings ``check_combinations`` has passed.

    Reads and checks the whole of a prompt or trace file; raises UsageError naming the flag, or the
    file and its line.
    """
    options = parse_options(config)
    lengths = None if config.output_tokens is None else parse_lengths(config.output_tokens)
    match config.prompts:
        case Prompts.FILE:
            assert config.prompt_file is not None, _UNASKED
            file = FileSource(config.prompt_file, needs_expected=config.check_answers)
            return Workload(file, options, lengths, config.seed, file.num_distinct)
        case Prompts.TRACE:
            return Workload(_trace_source(config), options, lengths, config.seed)
        case Prompts.ARITHMETIC:
            turns: TurnSource = ArithmeticSource(config.seed)
        case Prompts.SYNTHETIC:
            turns = _synthetic_source(config)
    conversations = Conversations(turns, config.turns)
    return Workload(conversations, options, lengths, config.seed)


def check_files(config: RunConfig) -> None:
    """Read the tokenizer and the trace that workers will read; raises UsageError naming the file.

    What ``make_source`` reads of them is not all: it needs neither for every kind of prompts.
    """
    if config.tokenizer is not None:
        LocalTokenizer(config.tokenizer)
    if config.trace_file is not None and config.prompts is not Prompts.TRACE:
        Trace(config.trace_file).refuse_prompts()


def _trace_source(config: RunConfig) -> TraceSource:
    assert config.trace_file is not None, _UNASKED
    trace = Trace(config.trace_file)
    if config.ignore_eos and config.output_tokens is None and trace.first_without_output:
        raise UsageError(
            f"{trace.path}:{trace.first_without_output}: output_tokens is missing, must be given "
            "here or for the run with ignore_eos"
        )
    return TraceSource(trace, _words(config), seed=config.seed)


def _synthetic_source(config: RunConfig) -> SyntheticSource:
    return SyntheticSource(
        _words(config),
        parse_lengths(config.prompt_tokens),
        seed=config.seed,
        prefix_groups=config.prefix_groups,
        prefix_tokens=config.prefix_tokens,
    )


def _words(config: RunConfig) -> Words:
    tokenizer = None if config.tokenizer is None else LocalTokenizer(config.tokenizer)
    return Words(config.seed, tokenizer)
