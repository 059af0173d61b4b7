"""The component's rules, and what they ask Prometheus for."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from manifests.lint.render import MANIFESTS

COMPONENT = MANIFESTS / "components/monitoring"
CASES = Path(__file__).parent / "cases"

# A selector is a name before braces; only recorded names, which have colons, stand without.
SELECTOR = re.compile(r"\b([a-zA-Z_][a-zA-Z0-9_:]*)\s*\{([^}]*)\}")
MATCHER = re.compile(r'([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
DURATION = re.compile(r"(?<=\[)\d+[smhd](?=\])|(?<=offset )\d+[smhd]|^\d+[smhd]$")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition of a selector."""

    metric: str
    label: str
    operator: str
    value: str


def groups() -> list[dict[str, Any]]:
    """Return every rule group anew: callers may change theirs."""
    paths = sorted(COMPONENT.glob("prometheusrule-*.yaml"))
    bodies = [yaml.safe_load(path.read_text()) for path in paths]
    return [group for body in bodies for group in body["spec"]["groups"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for group in groups() for rule in group["rules"] if "alert" in rule]


def metrics_of(expr: str) -> set[str]:
    """Return the names that an expression selects, recorded ones left out."""
    return {name for name, _ in SELECTOR.findall(expr) if ":" not in name}


def matchers_of(expr: str) -> set[Matcher]:
    return {
        Matcher(name, *matcher)
        for name, inside in SELECTOR.findall(expr)
        for matcher in MATCHER.findall(inside)
    }


def write_groups(workdir: Path, rule_groups: list[dict[str, Any]]) -> list[Path]:
    """Write each group to a file of its name, as promtool and Prometheus read them."""
    paths = []
    for group in rule_groups:
        path = workdir / f"{group['name']}.yaml"
        path.write_text(yaml.safe_dump({"groups": [group]}, sort_keys=False))
        paths.append(path)
    return paths


def quicken(text: str, times: int) -> str:
    """Return an expression or a duration with every duration divided, to the millisecond."""

    def divide(match: re.Match[str]) -> str:
        amount, unit = match.group()[:-1], match.group()[-1]
        return f"{int(amount) * SECONDS[unit] * 1000 // times}ms"

    return DURATION.sub(divide, text)
