"""Settings of the two processes: frozen, validated when made."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from predictor.engine.faults import Faults
from predictor.errors import ModelRefused, SettingRefused

Device = Literal["auto", "cpu", "cuda"]
DType = Literal["auto", "float32", "float16", "bfloat16"]

DEMO_MODEL_DIR = Path(__file__).parent / "demo"


def flag(
    default: object, text: str, *, least: float | None = None, most: float | None = None
) -> Any:
    """A setting that the command line and the environment set too, within ``least..most``."""
    return field(default=default, metadata={"text": text, "least": least, "most": most})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of whatever a client sends or withholds is borne, on either protocol."""

    max_body_bytes: int = flag(4 * 2**20, "Of an HTTP body or a gRPC message.", least=1)
    max_header_bytes: int = flag(32 * 2**10, "Of a request's head, first line included.", least=1)
    max_headers: int = flag(100, "In one request.", least=1)
    max_json_depth: int = flag(64, "Levels of nesting in a body.", least=4, most=512)
    max_rows: int = flag(1024, "In one request.", least=1)
    max_id_length: int = flag(256, "Characters of a request's id.", least=1)
    max_waiting: int = flag(1024, "Requests that wait beyond those that may run.", least=0)
    header_timeout_s: float = flag(5.0, "For the head of a request.", least=0.1)
    body_timeout_s: float = flag(10.0, "For the body behind it.", least=0.1)
    idle_timeout_s: float = flag(65.0, "Between two requests of a connection.", least=0.1)
    write_timeout_s: float = flag(20.0, "For a client that stops reading.", least=0.1)
    request_timeout_s: float = flag(600.0, "For a generation, waiting included.", least=0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """What the server process needs; name and version are each one segment of a path."""

    model_dir: Path
    model_name: str = flag("r1", "Name in every path.")
    model_version: str = flag("1", "The one version served.")
    defaults_dir: str | None = flag(
        None, "Has generation.json and system-prompt.txt, read again whenever they change."
    )
    host: str = flag("127.0.0.1", "Bind address of both ports.")
    http_port: int = flag(8080, "0: any free one.", least=0, most=65535)
    grpc_port: int = flag(8081, "0: any free one.", least=0, most=65535)
    grpc_reflection: bool = flag(False, "Whether gRPC describes itself to whoever asks.")
    # With the last words under half of the 30 s that Kubernetes gives a pod.
    grace_period_s: float = flag(12.0, "For accepted requests, after a signal.", least=0)
    revision: str = ""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for name in ("model_name", "model_version"):
            value = getattr(self, name)
            if not re.fullmatch(r"[\w.~-]+", value, re.ASCII):
                raise SettingRefused(
                    f"{name} is {value!r}, must be letters, digits and any of . _ ~ -"
                )
        if self.defaults_dir == "":
            raise SettingRefused("defaults_dir is empty, must be a directory or left out")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running server listens: a URL and host:port."""

    http: str
    grpc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """What the engine process needs; None means: chosen from the model and the machine."""

    model_dir: Path
    device: Device = flag("auto", "auto: CUDA if there is one.")
    dtype: DType = flag("auto", "auto: float32 on CPU, the checkpoint's own on CUDA.")
    block_size: int = flag(16, "Tokens in a block of the KV cache.", least=1)
    max_num_seqs: int = flag(64, "Sequences that run together.", least=1)
    max_num_batched_tokens: int = flag(2048, "In one step, prompts and decodes.", least=1)
    max_model_len: int | None = flag(
        None, "Prompt and completion tokens; unset: as the model allows.", least=2
    )
    kv_cache_bytes: int | None = flag(
        None, "Unset: 1 GiB on CPU, 90 % of what is free on CUDA.", least=1
    )
    num_threads: int | None = flag(
        None, "CPU threads; unset: one a CPU of the quota, 1 for a tiny model.", least=1
    )
    prefix_cache: bool = flag(True, "Whether prompts share what they begin with.")
    prompt_lookup: bool = flag(True, "Whether text that repeats itself is computed ahead.")
    # max_num_batched_tokens bounds a step: on 2 cores at 90 GFLOP/s one of 2048 tokens takes over a
    # minute with 1.5 billion parameters, and over 5 with 7.
    step_timeout_s: float = flag(600.0, "An engine whose step takes longer is replaced.", least=0.1)
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        if self.max_num_batched_tokens < self.max_num_seqs:
            raise SettingRefused(
                f"max_num_batched_tokens is {self.max_num_batched_tokens}, "
                f"must be at least max_num_seqs, {self.max_num_seqs}"
            )


def resolve_model_dir(model_dir: str) -> Path:
    """Return the directory named, or that of the embedded model for ``demo``."""
    if not model_dir:
        raise ModelRefused("model directory is empty, must be a path or demo")
    path = DEMO_MODEL_DIR if model_dir == "demo" else Path(model_dir)
    if not path.is_dir():
        raise ModelRefused(f"model directory {model_dir} does not exist")
    if not any(path.iterdir()):
        raise ModelRefused(f"model directory {model_dir} is empty")
    return path
