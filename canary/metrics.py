"""The shares of the predictor's metrics that a rollout judges, and the user's own.

Names and bucket edges are the predictor's; it shows the counters of requests at 0 from its start.
"""

from collections.abc import Iterator
from typing import Final

from prometheus_client.utils import floatToGoString

from canary.plan import RolloutPlan
from canary.policies import MetricPolicy
from canary.shares import Direction, Share

GENERATING_ROUTES: Final = (
    *("infer", "generate", "generate_stream", "chat_completions", "completions"),
    *("ModelInfer", "ModelStreamInfer"),
)
# OpenAI's routes answer whole or as streams, which the counter does not tell apart.
STREAMING_ROUTES: Final = ("generate_stream", "chat_completions", "completions", "ModelStreamInfer")
FAILED: Final = ("error", "unavailable", "deadline")
FINISH_REASONS: Final = ("eos_token", "stop_token", "stop_string", "length")

REQUESTS: Final = "r1_requests_total"
TRUNCATED: Final = "r1_truncated_streams_total"
# Time to first token, mean time per output token, inter-token latency, and the longest of each.
TTFT: Final = "gen_ai_server_time_to_first_token_seconds"
TPOT: Final = "gen_ai_server_time_per_output_token_seconds"
ITL: Final = "r1_inter_token_seconds"
LONGEST_GAP: Final = "r1_longest_gap_seconds"
COMPLETION_TOKENS: Final = "r1_completion_tokens"
FINISH: Final = "r1_finish_reasons_total"
IN_FLIGHT: Final = "r1_requests_in_flight"
BUILD_INFO: Final = "r1_build_info"


def ended_requests(*outcomes: str) -> str:
    """Return the selector of generating requests that ended so, or in any way."""
    return _requests(GENERATING_ROUTES, outcomes)


def shares_of(plan: RolloutPlan) -> tuple[Share, ...]:
    """Return what the plan's metrics judge, in the plan's order."""
    metrics = plan.metrics
    shares = [
        *_requests_shares(plan),
        *_above(metrics.ttft, "ttft", TTFT, "ttft>{edge:g}s"),
        *_above(metrics.inter_token, "inter_token", ITL, "inter_token>{edge:g}s"),
        *_above(metrics.longest_gap, "longest_gap", LONGEST_GAP, "longest_gap>{edge:g}s"),
        # More seconds a token than the edge are fewer tokens a second than its inverse.
        *_above(
            metrics.tokens_per_second,
            "tokens_per_second",
            TPOT,
            "tokens_per_second<{inverse:.4g}",
        ),
    ]
    if metrics.finish_reasons is not None:
        shares += [
            Share(
                f"finish={reason}",
                "finish_reasons",
                total=FINISH,
                bad=f'{FINISH}{{reason="{reason}"}}',
                direction=Direction.EITHER,
            )
            for reason in FINISH_REASONS
        ]
    shares += _above(
        metrics.output_length, "output_length", COMPLETION_TOKENS, "completion_tokens>{edge:g}"
    )
    shares += [
        Share(name, name, custom.total, bad=custom.bad, direction=Direction(custom.direction))
        for name, custom in metrics.custom.items()
    ]
    return tuple(shares)


def le_label(edge: float) -> str:
    """Return a bucket's ``le`` as prometheus_client and Prometheus 3 write it: 0.5, 1.0, 16.0."""
    return str(floatToGoString(edge))  # type: ignore[no-untyped-call]


def _requests_shares(plan: RolloutPlan) -> Iterator[Share]:
    metrics = plan.metrics
    if metrics.errors is not None:
        # Neither a client that left nor one that asked wrongly says anything of the revision.
        yield Share("errors", "errors", ended_requests("ok", *FAILED), bad=ended_requests(*FAILED))
    if metrics.cancelled is not None:
        yield Share(
            "cancelled",
            "cancelled",
            ended_requests("ok", "cancelled", *FAILED),
            bad=ended_requests("cancelled"),
        )
    if metrics.refused is not None:
        yield Share(
            "refused",
            "refused",
            ended_requests("ok", "refused", *FAILED),
            bad=ended_requests("refused"),
        )
    if metrics.truncated is not None:
        total = _requests(STREAMING_ROUTES, ("ok", *FAILED))
        yield Share("truncated", "truncated", total, bad=TRUNCATED)


def _above(policy: MetricPolicy | None, metric: str, name: str, key: str) -> Iterator[Share]:
    """Yield the shares above each edge of a histogram."""
    is_length = metric == "output_length"
    is_per_token = metric == "inter_token"
    for edge in policy.edges if policy is not None else ():
        yield Share(
            key.format(edge=edge, inverse=1 / edge),
            metric,
            # Not _count: one series name is one query.
            total=f'{name}_bucket{{le="+Inf"}}',
            good=f'{name}_bucket{{le="{le_label(edge)}"}}',
            direction=Direction.EITHER if is_length else Direction.MORE,
            depends_on_load=not is_length,
            is_per_token=is_per_token,
        )


def _requests(routes: tuple[str, ...], outcomes: tuple[str, ...]) -> str:
    matchers = f'route=~"{"|".join(routes)}"'
    if outcomes:
        matchers += f',outcome=~"{"|".join(outcomes)}"'
    return f"{REQUESTS}{{{matchers}}}"
