"""Settings of the two processes: frozen, validated when made."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from predictor.errors import ModelRefused, SettingRefused

Device = Literal["auto", "cpu", "cuda"]
DType = Literal["auto", "float32", "float16", "bfloat16"]

DEMO_MODEL_DIR = Path(__file__).parent / "demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """What the server process needs; ports 1..65535, or 0 for any free one.

    Name and version are each one segment of a path.
    """

    model_dir: Path
    model_name: str = "r1"
    model_version: str = "1"
    host: str = "127.0.0.1"
    http_port: int = 8080
    grpc_port: int = 8081

    def __post_init__(self) -> None:
        for field in ("model_name", "model_version"):
            value = getattr(self, field)
            if not re.fullmatch(r"[\w.~-]+", value, re.ASCII):
                raise SettingRefused(
                    f"{field} is {value!r}, must be letters, digits and any of . _ ~ -"
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
