"""How long a route waits: no less than the predictor behind it."""

import re
from collections.abc import Iterator
from typing import Any, Final

from manifests.lint.faults import Finding, at, items
from manifests.lint.kserve import PREDICTOR
from manifests.lint.target import Target
from manifests.lint.values import seconds

OURS: Final = "ours"


def check(target: Target) -> Iterator[Finding]:
    """Yield timeouts that would cut off a generation that the predictor allows."""
    allowed = [at(each.body, *PREDICTOR, "timeout") for each in target.documents]
    longest = max((each for each in allowed if isinstance(each, int)), default=0)
    for document in target.documents:
        if document.kind != "VirtualService":
            continue
        for index, route in enumerate(items(document.body, "spec", "http")):
            # 0s is no bound.
            limit_s = seconds(route.get("timeout")) or longest
            if _generates(route) and limit_s < longest:
                rule = f"must be at least the predictor's timeout, {longest} ({OURS})"
                yield Finding(document, ("spec", "http", index, "timeout"), rule)


def _generates(route: dict[str, Any]) -> bool:
    """Whether a POST may take the route; one without matches is everybody's."""
    matches = items(route, "match")
    return bool(items(route, "route")) and (not matches or any(map(_is_post, matches)))


def _is_post(match: dict[str, Any]) -> bool:
    exact, prefix, regex = (at(match, "method", key) for key in ("exact", "prefix", "regex"))
    if exact is not None:
        return bool(exact == "POST")
    if prefix is not None:
        return "POST".startswith(prefix)
    return regex is None or re.fullmatch(regex, "POST") is not None
