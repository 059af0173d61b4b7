"""From an ended request and what was seen of the pods to a ColdStart (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from loadtest.coldstart.clock import SECOND_NS, ServerClock, Span
from loadtest.coldstart.pods import ImageEvents, Mark
from loadtest.coldstart.sightings import Sighting, Sightings
from loadtest.coldstart.split import Contradiction, Split, split
from loadtest.exchange import Exchange
from loadtest.record import NEVER, Outcome
from loadtest.report.coldstart_schema import ColdStart, Moment, Phase
from loadtest.report.schema import Interval


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one request besides itself.

    ``events`` is None where they must not be read; ``wall_ns`` is this machine's time since 1970
    less CLOCK_MONOTONIC.
    """

    sightings: Sightings
    clock: ServerClock
    events: ImageEvents | None
    started_at: datetime
    waited_s: float
    wall_ns: int


def measure(
    number: int, exchange: Exchange, measured: Mapping[Mark, Span], seen: Seen
) -> ColdStart:
    """Return the cold start that the exchange was; ``measured`` are its exact moments."""
    pod = seen.sightings.serving()
    events = seen.events or ImageEvents()
    told = pod.spans(seen.clock, events) if pod else {}
    begun = measured[Mark.BEGUN].low
    is_cold = pod is not None and told[Mark.POD_CREATED].high >= begun
    found = split({**(told if is_cold else {}), **measured})
    return ColdStart(
        number=number,
        started_at=seen.started_at.isoformat(timespec="milliseconds"),
        waited_s=seen.waited_s,
        outcome=_outcome(exchange).name.lower(),
        status=exchange.status,
        detail=exchange.detail,
        is_cold=is_cold,
        ttft_s=_since(begun, exchange.first_chunk),
        e2e_s=_since(begun, exchange.finished) if exchange.outcome is Outcome.OK else None,
        pod=pod.pod.name if pod else None,
        num_pods=len(seen.sightings.pods),
        num_restarts=pod.pod.num_restarts if pod else 0,
        image_was_present=events.was_present,
        moments=_moments(found, begun),
        phases=_phases(found),
        remarks=[
            *_about_pods(seen, pod, is_cold=is_cold),
            *map(_about_contradiction, found.contradictions),
        ],
        clock_skew_s=Interval(
            value=_seconds((seen.clock.low_ns + seen.clock.high_ns) / 2 - seen.wall_ns),
            low=_seconds(seen.clock.low_ns - seen.wall_ns),
            high=_seconds(seen.clock.high_ns - seen.wall_ns),
        ),
    )


def _outcome(exchange: Exchange) -> Outcome:
    assert exchange.outcome is not None, "the exchange has not ended"
    return exchange.outcome


def _moments(found: Split, begun: int) -> list[Moment]:
    return [
        Moment(
            name=mark,
            at_s=_seconds(span.middle - begun),
            low_s=_seconds(span.low - begun),
            high_s=_seconds(span.high - begun),
        )
        for mark, span in found.spans.items()
    ]


def _phases(found: Split) -> list[Phase]:
    return [
        Phase(
            name="+".join(piece.names),
            value=_seconds(piece.value),
            low=_seconds(piece.low),
            high=_seconds(piece.high),
            is_finished=piece.is_finished,
        )
        for piece in found.pieces
    ]


def _about_pods(seen: Seen, pod: Sighting | None, *, is_cold: bool) -> list[str]:
    if pod is None:
        return ["No pod of the service was seen: nothing was started for this request."]
    remarks = []
    if not is_cold:
        remarks.append("A pod was made before the request: somebody else had woken the service.")
    if (num := len(seen.sightings.pods)) > 1:
        remarks.append(f"{num} pods were started; the split is of the one that was ready first.")
    if pod.pod.num_restarts:
        remarks.append(
            f"The model's container restarted {pod.pod.num_restarts} times: load begins with its "
            "first start that is known."
        )
    if Mark.READY not in pod.marks:
        remarks.append("No pod was ready.")
    if seen.events is None:
        remarks.append("No permission to list events: the pull is told with what is beside it.")
    if seen.clock.contradiction_ns:
        by_s = seen.clock.contradiction_ns / SECOND_NS
        remarks.append(f"Answers of the API server disagree on its clock by {by_s:.3g} s.")
    return remarks


def _about_contradiction(found: Contradiction) -> str:
    by = f"{found.by_ns / SECOND_NS:.3g} s"
    if found.mark is Mark.READY:
        return f"Ready was recorded {by} after the answer had begun: load ends with it instead."
    return (
        f"{found.mark} is recorded on the wrong side of {found.other} by {by}: the clocks of the "
        "cluster's machines disagree."
    )


def _since(begun: int, at: int) -> float | None:
    return None if at == NEVER else _seconds(at - begun)


def _seconds(ns: float) -> float:
    return ns / SECOND_NS
