"""The rollout file's JSON Schema, which `r1-canary schema` publishes for editors."""

from importlib import resources
from typing import Any

import yaml

from canary.plan import RolloutPlan
from canary.settings import write_duration


def rollout_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12), with the example as its example."""
    schema: dict[str, Any] = _finish(RolloutPlan.model_json_schema())
    example = resources.files("canary").joinpath("example.yaml").read_text("utf-8")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "A rollout file of r1-canary",
        "examples": [yaml.safe_load(example)],
    }


def _finish(node: Any) -> Any:
    """Return the node with descriptions in one line and durations' defaults as they are written."""
    if isinstance(node, list):
        return [_finish(item) for item in node]
    if not isinstance(node, dict):
        return node
    done = {key: _finish(value) for key, value in node.items()}
    if isinstance(done.get("description"), str):
        done["description"] = " ".join(done["description"].split())
    if done.get("type") == "string" and isinstance(done.get("default"), float):
        done["default"] = write_duration(done["default"])
    return done
