"""What may be known of a canary from files alone.

KServe sends everything to the latest revision once canaryTrafficPercent is gone, and a percent
without a new template sends users to the revision before (kserve v0.20.0, ksvc_reconciler.go).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from manifests.lint.faults import Fault, at, value_text

OURS: Final = "ours"
FOLDER: Final = "canary-start"
PERCENT: Final = ("spec", "predictor", "canaryTrafficPercent")
POINTER: Final = "/spec/predictor/canaryTrafficPercent"
# In a predictor these make no revision.
NOT_TEMPLATE: Final = ("canaryTrafficPercent", "minReplicas", "maxReplicas")


def check(root: Path) -> Iterator[Fault]:
    """Yield edits of ``canary-start`` that would send users where nobody meant to."""
    for file in sorted((root / FOLDER).glob("*.yaml")):
        try:
            body = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
        except yaml.YAMLError:
            continue
        found = _merge(body) if isinstance(body, dict) and "spec" in body else _operations(body)
        for field, value, rule in found:
            name = str(file.relative_to(root))
            yield Fault(name, _line(file), "InferenceService/r1", field, value, f"{rule} ({OURS})")


def _merge(body: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Judge a merge patch, which changes the percent of a canary under way."""
    predictor = at(body, "spec", "predictor")
    field = ".".join(PERCENT)
    if not isinstance(predictor, dict) or "canaryTrafficPercent" not in predictor:
        yield field, "missing", "must be there: without it this is a change for all users"
        return
    percent = predictor["canaryTrafficPercent"]
    if not isinstance(percent, int) or not 0 <= percent <= 100:
        yield field, value_text(percent), "must be an integer in 0..100: null ships the latest"
    changed = sorted(predictor.keys() - set(NOT_TEMPLATE))
    if changed:
        rule = "must be the only change: a new template takes this percent over"
        yield field, value_text(percent), f"{rule}, here {', '.join(changed)}"


def _operations(body: Any) -> Iterator[tuple[str, str, str]]:
    """Judge a JSON patch, which starts a canary."""
    if not isinstance(body, list):
        return
    field = ".".join(PERCENT)
    percents = [each for each in body if each.get("path") == POINTER]
    others = [each for each in body if each.get("path") != POINTER and each.get("op") != "test"]
    if not percents:
        yield field, "missing", "must be set in the same patch as the template"
    for operation in percents:
        value = operation.get("value")
        if operation.get("op") == "remove" or value != 0:
            yield field, value_text(value), "must start at 0: until judged it gets no users"
        if not others:
            yield field, value_text(value), "must come with the template that it is for"


def _line(file: Path) -> int:
    lines = file.read_text().splitlines()
    found = [number for number, line in enumerate(lines, 1) if "canaryTrafficPercent" in line]
    return found[0] if found else 1
