"""Settings of the two processes: frozen, validated when made."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from predictor.errors import ModelRefused, SettingRefused

Device = Literal["auto", "cpu", "cuda"]
DType = Literal["auto", "float32", "float16", "bfloat16"]

DEMO_MODEL_DIR = Path(__file__).parent / "demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of whatever a client sends or withholds is borne, on either protocol.

    max_body_bytes     an HTTP body or a gRPC message
    max_header_bytes   the head of an HTTP request: its first line and its headers
    max_headers        headers of an HTTP request
    max_json_depth     nesting of a body's JSON
    max_rows           rows of a request's tensors
    max_id_length      characters of a request's id
    max_waiting        sequences that wait beyond those that may run
    header_timeout_s   from a connection's first byte, or its opening, to the end of the head
    body_timeout_s     from the end of the head to the end of the body
    idle_timeout_s     between two requests of one connection
    write_timeout_s    for a client that stops reading
    request_timeout_s  for a whole generation, waiting included
    """

    max_body_bytes: int = 4 * 2**20
    max_header_bytes: int = 32 * 2**10
    max_headers: int = 100
    max_json_depth: int = 64
    max_rows: int = 1024
    max_id_length: int = 256
    max_waiting: int = 1024
    header_timeout_s: float = 5.0
    body_timeout_s: float = 10.0
    idle_timeout_s: float = 65.0
    write_timeout_s: float = 20.0
    request_timeout_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """What the server process needs; ports 1..65535, or 0 for any free one.

    Name and version are each one segment of a path. ``grace_period_s`` is what accepted requests
    have after a signal: with the last words under half of the 30 s that Kubernetes gives a pod.
    """

    model_dir: Path
    model_name: str = "r1"
    model_version: str = "1"
    host: str = "127.0.0.1"
    http_port: int = 8080
    grpc_port: int = 8081
    grace_period_s: float = 12.0
    grpc_reflection: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for name in ("model_name", "model_version"):
            value = getattr(self, name)
            if not re.fullmatch(r"[\w.~-]+", value, re.ASCII):
                raise SettingRefused(
                    f"{name} is {value!r}, must be letters, digits and any of . _ ~ -"
                )


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running server listens: a URL and host:port."""

    http: str
    grpc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """What the engine process needs; None means: chosen from the model and the machine.

    model_dir               a checkpoint directory, as transformers saves one
    device, dtype           auto: CUDA in the checkpoint's dtype, or without one CPU in float32
    block_size              tokens in one block of the KV cache
    max_num_seqs            sequences that run together
    max_num_batched_tokens  tokens in one step, prompts and decodes together
    max_model_len           prompt and completion tokens of one sequence
    kv_cache_bytes          memory for the KV cache
    num_threads             CPU threads
    """

    model_dir: Path
    device: Device = "auto"
    dtype: DType = "auto"
    block_size: int = 16
    max_num_seqs: int = 64
    max_num_batched_tokens: int = 2048
    max_model_len: int | None = None
    kv_cache_bytes: int | None = None
    num_threads: int | None = None

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
