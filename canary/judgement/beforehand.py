"""What the stable revision's past counts say of a plan, before a rollout begins (pure)."""

from collections.abc import Mapping, Sequence

from canary.judgement.evidence import policies
from canary.plan import RolloutPlan
from canary.samples import Count
from canary.shares import Share


def required(plan: RolloutPlan, shares: Sequence[Share]) -> tuple[Share, ...]:
    """Return the shares without which nothing is promoted: those of no advisory metric."""
    rules = policies(plan)
    return tuple(share for share in shares if not rules[share.metric].advisory)


def caps_exceeded(
    plan: RolloutPlan, shares: Sequence[Share], stable: Mapping[str, Count]
) -> list[str]:
    """Return the caps that the stable revision is at or above itself, a line each.

    ``stable`` holds past counts by Share.key. An equal canary cannot be proven by such a cap, and
    chance alone may show it as above.
    """
    rules = policies(plan)
    lines = []
    for share in shares:
        cap, count = rules[share.metric].cap, stable.get(share.key)
        if cap is not None and count is not None and count.bad >= cap * count.total > 0:
            lines.append(
                f"{share.metric}: the stable revision's share of {share.key} is "
                f"{count.bad / count.total:.3%} of {count.total}, must be below cap, {cap:g}"
            )
    return lines


def silent(
    plan: RolloutPlan, shares: Sequence[Share], stable: Mapping[str, Count], num_requests: int
) -> list[str]:
    """Return the metrics of which the stable revision counted no event, a line each.

    Such as those of streams where nobody asks for one: they are not judged until one comes.
    """
    if not num_requests:
        return []
    silent_metrics = dict.fromkeys(
        share.metric
        for share in required(plan, shares)
        if share.key in stable and not stable[share.key].total
    )
    return [
        f"{metric}: the stable revision counted no such event in its last {num_requests} requests; "
        "it is judged only once either revision counts one"
        for metric in silent_metrics
    ]
