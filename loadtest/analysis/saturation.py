"""Whether the client itself kept up: where it did not, its numbers are not the server's."""

from collections.abc import Sequence
from typing import Final

from loadtest.report.schema import Saturation

# perf_analyzer warns from the same share of delayed sends.
MAX_LATE_SHARE: Final = 0.01
MAX_CPU_RATIO: Final = 0.95


def judge_saturation(
    *,
    num_late: int,
    num_taken_up: int,
    num_not_sent: int,
    is_interrupted: bool,
    lateness_limit_s: float,
    cpu_ratios: Sequence[float],
    busy_p99_s: float,
    busy_most_s: float,
) -> Saturation:
    """Return whether the client was the limit, each reason a sentence with its numbers.

    Requests that Ctrl-C kept from being sent say nothing of the client.
    """
    late_share = num_late / num_taken_up if num_taken_up else 0.0
    reasons = []
    if late_share > MAX_LATE_SHARE:
        reasons.append(
            f"{late_share * 100:.4g}% of requests ({num_late} of {num_taken_up}) were taken up "
            f"more than {lateness_limit_s * 1e3:g} ms late, {MAX_LATE_SHARE:.0%} is allowed."
        )
    if num_not_sent and not is_interrupted:
        reasons.append(f"{num_not_sent} requests were due and not sent before the run ended.")
    for number, ratio in enumerate(cpu_ratios):
        if ratio >= MAX_CPU_RATIO:
            reasons.append(
                f"Worker {number} used {ratio:.0%} of a core, below {MAX_CPU_RATIO:.0%} is allowed."
            )
    if busy_p99_s > lateness_limit_s:
        reasons.append(
            f"Workers left their sockets unread for {busy_p99_s * 1e3:.3g} ms at the 99th "
            f"percentile, {lateness_limit_s * 1e3:g} ms is allowed."
        )
    return Saturation(
        is_saturated=bool(reasons),
        reasons=reasons,
        late_share=late_share,
        lateness_limit_s=lateness_limit_s,
        cpu_ratios=list(cpu_ratios),
        busy_p99_s=busy_p99_s,
        busy_most_s=busy_most_s,
    )
