"""The load testers: how each is told to keep 16 requests under way, and what it says of errors."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

CHUNKS: Final = 64
OURS: Final = "r1-loadtest"

ROOT: Final = Path(__file__).parents[3]
# A tokenizer on disk, which guidellm and vLLM want for their prompts.
_TOKENIZER: Final = ROOT / "predictor" / "demo"
_PROMPT_TOKENS: Final = 16
_MANY: Final = 10_000_000
_OFFLINE: Final = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


@dataclass(frozen=True, slots=True)
class Load:
    """What a client is to do; ``directory`` is for its report."""

    url: str
    concurrency: int
    duration_s: int
    directory: Path


@dataclass(frozen=True, slots=True)
class Client:
    """``num_failed`` reads the client's own report once it has ended."""

    name: str
    command: Callable[[Load], list[str]]
    num_failed: Callable[[Path], int]
    environment: Mapping[str, str] = field(default_factory=dict)
    # Of one that ends by number, not by time.
    num_requests: int | None = None
    # Until its 50th request, where that takes long.
    slow_start_s: int = 0
    # r1-loadtest's verdict on a closed loop that keeps its core busy is 3.
    statuses: tuple[int, ...] = (0,)


def ours(protocol: str) -> Client:
    def command(load: Load) -> list[str]:
        return [
            sys.executable,
            "-m",
            "loadtest",
            "run",
            f"--target={load.url}",
            f"--protocol={protocol}",
            "--arrivals=closed",
            f"--concurrency={load.concurrency}",
            f"--duration-s={load.duration_s}",
            f"--max-requests={_MANY}",
            f"--output={load.directory / 'ours'}",
        ]

    return Client(OURS, command, _failed_of_ours, statuses=(0, 3))


def locust() -> Client:
    def command(load: Load) -> list[str]:
        return [
            str(rival("locust") / "bin/locust"),
            "--headless",
            "--only-summary",
            f"--locustfile={Path(__file__).with_name('locustfile.py')}",
            f"--host={load.url}",
            f"--users={load.concurrency}",
            f"--spawn-rate={load.concurrency}",
            f"--run-time={load.duration_s}",
            f"--json-file={load.directory / 'locust'}",
        ]

    return Client("locust FastHttpUser", command, _failed_of_locust)


def guidellm(*, is_stream: bool) -> Client:
    def command(load: Load) -> list[str]:
        stream = str(is_stream).lower()
        return [
            str(rival("guidellm") / "bin/guidellm"),
            "run",
            f"--backend=kind=openai_http,target={load.url},model=r1,stream={stream}",
            f"--profile=kind=concurrent,streams={load.concurrency}",
            f"--constraint=kind=max_duration,seconds={load.duration_s}",
            f"--tokenizer=kind=hf_auto,model={_TOKENIZER}",
            f"--data=kind=synthetic_text,prompt_tokens={_PROMPT_TOKENS},output_tokens={CHUNKS}",
            f"--output=kind=json,path={load.directory / 'guidellm.json'}",
            "--disable-console",
        ]

    # One process does more on one core than its usual ten, each with a part of the 16.
    one_process = {"GUIDELLM__MAX_WORKER_PROCESSES": "1"}
    return Client("guidellm", command, _failed_of_guidellm, _OFFLINE | one_process, slow_start_s=10)


def vllm(*, is_stream: bool, num_requests: int) -> Client:
    """vLLM's benchmark client; it is not unary but for embeddings, whose code reads any JSON."""
    # It wants a URL that ends in the word; what follows # is not sent.
    path = "/v1/chat/completions" if is_stream else "/v1/chat/completions#embeddings"

    def command(load: Load) -> list[str]:
        return [
            str(rival("vllm") / "bin/python"),
            str(Path(__file__).with_name("vllm_bench_serve.py")),
            f"--backend={'openai-chat' if is_stream else 'openai-embeddings'}",
            f"--base-url={load.url}",
            f"--endpoint={path}",
            "--model=r1",
            f"--tokenizer={_TOKENIZER}",
            "--dataset-name=random",
            f"--random-input-len={_PROMPT_TOKENS}",
            f"--random-output-len={CHUNKS}",
            f"--num-prompts={num_requests}",
            f"--max-concurrency={load.concurrency}",
            "--disable-tqdm",
            "--save-result",
            f"--result-dir={load.directory}",
            "--result-filename=vllm.json",
        ]

    return Client("vLLM bench serve", command, _failed_of_vllm, _OFFLINE, num_requests)


def rival(name: str) -> Path:
    """Return the environment of another load tester."""
    return ROOT / ".venv-rivals" / name


def _failed_of_ours(directory: Path) -> int:
    outcomes = _read(directory / "ours" / "report.json", "counts", "outcomes")
    return sum(num for outcome, num in outcomes.items() if outcome != "ok")


def _failed_of_locust(directory: Path) -> int:
    return _read(directory / "locust.json", 0, "num_failures")


def _failed_of_guidellm(directory: Path) -> int:
    path = directory / "guidellm.json"
    return _read(path, "benchmarks", 0, "metrics", "request_totals", "errored")


def _failed_of_vllm(directory: Path) -> int:
    path = directory / "vllm.json"
    return _read(path, "num_prompts") - _read(path, "completed")


def _read(path: Path, *keys: str | int) -> Any:
    value = json.loads(path.read_text())
    for key in keys:
        value = value[key]
    return value
