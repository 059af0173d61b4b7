"""What importing does, and which process holds which packages."""

import json
import subprocess
import sys
from functools import cache

import pytest

LIST_MODULES = "import json, sys; print(json.dumps(sorted(sys.modules)))"


@cache
def modules_after(statement: str) -> set[str]:
    """Return what an interpreter holds after one statement, which must print nothing."""
    result = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{LIST_MODULES}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stderr == ""
    return set(json.loads(result.stdout))


def test_importing_the_three_programs_has_no_side_effect() -> None:
    modules = modules_after("import predictor, canary, loadtest")

    assert not modules & {"kserve", "torch", "transformers", "logging", "socket", "threading"}


@pytest.mark.parametrize(
    "statement",
    ["import predictor.__main__", "import predictor.server.lifecycle, predictor.model"],
    ids=["command", "server"],
)
def test_the_server_process_imports_no_torch(statement: str) -> None:
    assert not modules_after(statement) & {"torch", "safetensors", "accelerate"}


def test_the_engine_process_imports_neither_kserve_nor_tokenizers() -> None:
    modules = modules_after("import predictor.engine.__main__")

    assert "torch" in modules
    assert not modules & {"kserve", "fastapi", "grpc", "transformers", "tokenizers"}


def test_the_command_starts_its_engine_before_it_imports_kserve() -> None:
    assert not modules_after("import predictor.__main__") & {"kserve", "transformers"}
