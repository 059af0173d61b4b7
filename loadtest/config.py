"""Settings of a run: each is declared once, for the command line and the workload file alike."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from loadtest.errors import UsageError
from loadtest.lengths import parse_lengths
from loadtest.objectives import parse_gate, parse_objective, parse_warmup


def _checked_by(parse: Callable[[str], object]) -> AfterValidator:
    """Return a validator that leaves the text as it is and tells what its grammar refuses."""

    def check(text: str) -> str:
        try:
            parse(text)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return text

    return AfterValidator(check)


# A week, fewer than one request in it and more than one client sends: what is beyond is a slip.
MAX_S: Final = 604_800.0
MIN_RATE: Final = 0.000_001
MAX_RATE: Final = 1_000_000.0


def _check_rate(rate: float) -> float:
    if rate < MIN_RATE:
        raise ValueError(f"is {rate:g}, must be at least {MIN_RATE:g}: one in eleven days")
    return rate


Rate = Annotated[float, Field(gt=0, le=MAX_RATE, allow_inf_nan=False), AfterValidator(_check_rate)]
Duration = Annotated[float, Field(gt=0, le=MAX_S, allow_inf_nan=False)]
Wait = Annotated[float, Field(ge=0, le=MAX_S, allow_inf_nan=False)]
Warmup = Annotated[str, _checked_by(parse_warmup)]
Lengths = Annotated[str, _checked_by(parse_lengths)]
Gate = Annotated[str, _checked_by(parse_gate)]
Objective = Annotated[str, _checked_by(parse_objective)]


class Protocol(StrEnum):
    """What is spoken to the target."""

    V2_INFER = "v2-infer"
    V2_GENERATE = "v2-generate"
    V2_STREAM = "v2-stream"
    GRPC_INFER = "grpc-infer"
    GRPC_STREAM = "grpc-stream"
    OPENAI_CHAT = "openai-chat"
    OPENAI_CHAT_STREAM = "openai-chat-stream"
    OPENAI_COMPLETIONS = "openai-completions"
    OPENAI_COMPLETIONS_STREAM = "openai-completions-stream"

    @property
    def is_grpc(self) -> bool:
        return self.startswith("grpc-")

    @property
    def is_stream(self) -> bool:
        return self.endswith("-stream")


class Arrivals(StrEnum):
    """When requests are due."""

    POISSON = "poisson"
    CONSTANT = "constant"
    GAMMA = "gamma"
    RAMP = "ramp"
    STEP = "step"
    TRACE = "trace"
    CLOSED = "closed"


class Prompts(StrEnum):
    """Where prompts come from."""

    ARITHMETIC = "arithmetic"
    SYNTHETIC = "synthetic"
    FILE = "file"
    TRACE = "trace"


class RunConfig(BaseModel):
    """A run, checked whole: field names are the workload file's keys and, with dashes, flags."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*")
    @classmethod
    def _check_text(cls, value: object) -> object:
        """Refuse what can be no file's name, no header and no text of a report."""
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, str | Path) and not _is_text(str(part)):
                raise ValueError("holds a NUL or what is no UTF-8, must be text")
        return value

    # The target.
    target: str = Field(description="http://, https://, grpc:// or grpcs:// with host and port.")
    protocol: Protocol = Field(Protocol.V2_STREAM, description="What is spoken to it.")
    model: str = Field("r1", min_length=1, description="The model's name.")
    host: str | None = Field(None, description="Host header, or :authority, instead of the URL's.")
    header: tuple[str, ...] = Field((), description="'Name: value' with each request; repeatable.")
    bearer_token_file: Path | None = Field(
        None, description="Holds a token for the Authorization header; read again when it changes."
    )
    ca_file: Path | None = Field(None, description="PEM of the authorities trusted; else system's.")
    client_cert: Path | None = Field(None, description="PEM of the client's certificate, for mTLS.")
    client_key: Path | None = Field(None, description="PEM of its key.")
    server_name: str | None = Field(None, description="TLS server name instead of the host's.")
    path_prefix: str | None = Field(
        None, description="Before the protocol's own paths; unset is /openai for OpenAI, else none."
    )

    # Arrivals.
    arrivals: Arrivals = Field(Arrivals.POISSON, description="When requests are due.")
    rate: Rate | None = Field(None, description="Requests a second of an open loop.")
    burstiness: float = Field(
        1.0,
        ge=0.001,
        le=1000,
        allow_inf_nan=False,
        description="Shape of gamma gaps: 1 is Poisson, below 1 burstier, above 1 smoother.",
    )
    rates: str | None = Field(
        None,
        description="Of ramp and step: '10:60s,40:60s' is rate:duration of each leg, all of them "
        "within the run's duration.",
    )
    concurrency: int | None = Field(
        None,
        gt=0,
        le=1_000_000,
        description="Requests under way in a closed loop.",
    )
    trace_file: Path | None = Field(None, description="JSON lines with a time each, replayed.")
    seed: int = Field(0, ge=0, lt=2**63, description="Of arrivals, prompts and resampling.")

    # Bounds.
    duration_s: Duration = Field(60.0, description="No request is scheduled later.")
    max_requests: int = Field(10_000, gt=0, le=1_000_000_000, description="No more are scheduled.")
    timeout_s: Duration = Field(120.0, description="For one request, from its due time.")
    drain_s: Wait = Field(30.0, description="For answers, after the last is scheduled.")
    workers: int = Field(1, ge=1, le=256, description="Processes that send.")
    max_connections: int = Field(
        512,
        ge=1,
        le=1_000_000,
        description="Open at once over all workers; a send that has to wait is late.",
    )
    lateness_limit_s: Duration = Field(
        0.01, description="More than 1 % of sends later than this: the client was saturated."
    )

    # Prompts.
    prompts: Prompts = Field(Prompts.ARITHMETIC, description="Where prompts come from.")
    prompt_file: Path | None = Field(None, description="JSON lines, for prompts=file.")
    prompt_tokens: Lengths = Field(
        "128", description="Lengths of synthetic prompts without their common prefix, see README."
    )
    output_tokens: Lengths | None = Field(None, description="max_tokens of each request, likewise.")
    ignore_eos: bool = Field(False, description="Generate exactly output_tokens.")
    prefix_groups: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Groups of prompts with a common prefix.",
    )
    prefix_tokens: int = Field(0, ge=0, description="Length of that prefix.")
    turns: int = Field(1, ge=1, le=1000, description="Of each conversation.")
    think_time_s: Wait = Field(0.0, description="From an answer to the next turn.")
    tokenizer: Path | None = Field(None, description="tokenizer.json, to count tokens here too.")
    option: tuple[str, ...] = Field((), description="Generation parameter NAME=JSON; repeatable.")
    check_answers: bool = Field(False, description="Only right answers count as goodput.")

    # Judgement.
    slo: tuple[Gate, ...] = Field((), description="Gate such as 'p99_ttft<500ms'; repeatable.")
    objective: tuple[Objective, ...] = Field(
        (), description="What a good request meets, such as 'ttft<500ms'; unset: from the gates."
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of intervals and verdicts.")
    warmup: Warmup = Field(
        "auto", description="Cut from the analysis: auto, or seconds such as 10s."
    )

    # What is captured and written.
    metrics_url: tuple[str, ...] = Field(
        (), description="Prometheus page of the server or of a GPU exporter; repeatable."
    )
    output: Path | None = Field(None, description="Directory for the report; must not exist yet.")
    pushgateway: str | None = Field(None, description="Prometheus Pushgateway for the results.")


def _is_text(text: str) -> bool:
    # Bytes of the command line that are no UTF-8 are surrogates here.
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
