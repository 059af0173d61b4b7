"""What is rolled out, how that must end, and the rollout file that decides it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from canary.errors import ExitStatus
from tests.canary.simulator.services import service

STABLE_IMAGE = "r1:stable"
# A second; two cores bear it beside the servers, two predictors and the browser of the report.
RATE_RPS = 8.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """``faults`` are R1_FAULTS of the canary; ``limit_s`` is from the first user to the verdict.

    Where the gate decides there is no user, and the limit runs from the gate's begin.
    """

    name: str
    status: ExitStatus
    by_gate: bool
    limit_s: float
    faults: dict[str, float] = field(default_factory=dict)

    @property
    def image(self) -> str:
        """Return the canary's image, which tells the node what goes wrong in it."""
        return f"r1:{self.name}"


_BACK = ExitStatus.ROLLED_BACK
SCENARIOS = (
    Scenario("good", ExitStatus.PROMOTED, by_gate=False, limit_s=150),
    Scenario("slow", _BACK, by_gate=False, limit_s=60, faults={"step_delay_s": 0.06}),
    Scenario("error", _BACK, by_gate=False, limit_s=120, faults={"error_rate": 0.08}),
    Scenario(
        "stall", _BACK, by_gate=False, limit_s=60, faults={"stall_after_tokens": 8, "stall_s": 1.0}
    ),
    Scenario("noise", _BACK, by_gate=True, limit_s=60, faults={"weight_noise": 0.3}),
)


def write_rollout(folder: Path, scenario: Scenario, prometheus: str) -> Path:
    """Write a rollout file and its manifest; return the former's path.

    The durations and requests are a demonstration's, the error probabilities a real rollout's.
    """
    manifest = service(scenario.image)
    manifest["metadata"]["namespace"] = scenario.name
    (folder / "predictor.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False))
    path = folder / "rollout.yaml"
    path.write_text(yaml.safe_dump(_rollout(scenario, prometheus), sort_keys=False))
    return path


def _rollout(scenario: Scenario, prometheus: str) -> dict[str, Any]:
    return {
        "service": "r1",
        "namespace": scenario.name,
        "manifest": "predictor.yaml",
        "steps": [
            {"percent": 20, "min_duration": "20s", "min_requests": 20},
            {"percent": 50, "min_duration": "15s", "min_requests": 30},
        ],
        "bake": {"percent": 90, "min_duration": "20s", "min_requests": 100},
        "metrics": {
            # What the service promises its users: each cap is a share of requests or of gaps.
            "errors": {"cap": 0.02},
            "refused": {"cap": 0.05},
            "truncated": {"cap": 0.02},
            "ttft": {"edges": [0.5], "cap": 0.1},
            "inter_token": {"edges": [0.05], "cap": 0.1},
            "tokens_per_second": {"edges": [0.05], "cap": 0.1},
            "finish_reasons": None,
            "output_length": {"edges": [64.0], "advisory": True},
        },
        "judgement": {"interval": "5s", "false_rollback": 0.01, "false_promotion": 0.05},
        # A canary that fails one request in twelve is left to the judge of the users' requests.
        "gate": {"num_prompts": 200, "margin": 0.25, "max_warmup": "2m", "max_tokens": 128},
        "prometheus": {"url": prometheus, "matchers": f'namespace="{scenario.name}"'},
        "limits": {
            "start": "2m",
            "rollback": "30s",
            "promote": "60s",
            "inconclusive": "3m",
            "unproven": "3m",
        },
    }
