"""What the page says in words: the headline, what to read first, names that a reader knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from loadtest.report.quantity import number, share
from loadtest.report.schema import Comparison, Gate, KneeReport, Report, Run, Verdict

# A shape beside each colour, for who cannot tell colours apart.
SIGNS: Final[Mapping[str, str]] = {
    "pass": "✓",
    "fail": "✕",
    "insufficient": "?",
    "saturated": "≋",
    "none": "–",
    "better": "▲",
    "worse": "▼",
    "same": "=",
    "undecided": "?",
}
_LABELS: Final = {
    "ttft": "First token (TTFT)",
    "ttft_sent": "First token, from sending",
    "e2e": "End to end",
    "e2e_sent": "End to end, from sending",
    "tpot": "Per output token (TPOT)",
    "gap": "Gap between chunks",
    "tokens_per_chunk": "Tokens per chunk",
    "lateness": "Lateness of sends",
    "connect": "Connecting",
}
_JUDGED_LATENCIES: Final = ("ttft", "e2e")


@dataclass(frozen=True, slots=True)
class Headline:
    """``verdict`` names the colour; ``word`` is what a reader sees first."""

    verdict: str
    word: str
    sentence: str

    @property
    def sign(self) -> str:
        return SIGNS[self.verdict]


def words(name: str) -> str:
    return name.replace("_", " ")


def label_of(distribution: str) -> str:
    return _LABELS.get(distribution, words(distribution))


def run_headline(report: Report) -> Headline:
    sentences = {
        Verdict.PASS: f"{_judged(report.gates, Verdict.PASS)} met",
        Verdict.FAIL: f"{_judged(report.gates, Verdict.FAIL)} not met",
        Verdict.INSUFFICIENT: f"{_judged(report.gates, Verdict.INSUFFICIENT)} undecided"
        if report.gates
        else "Nothing was measured",
        Verdict.SATURATED: "The client did not keep up: these are not the server's numbers",
        Verdict.NONE: "Measured; no objective was asked for",
    }
    word = "measured" if report.verdict is Verdict.NONE else words(report.verdict)
    return Headline(report.verdict, word, sentences[report.verdict])


def knee_headline(report: KneeReport) -> Headline:
    knee = report.knee_rps
    if knee.value is None:
        return Headline(report.verdict, report.verdict, "No knee within the rates that were tried")
    low = number(knee.low) if knee.low is not None else "below what was tried"
    high = number(knee.high) if knee.high is not None else "beyond what was tried"
    sentence = f"{number(knee.value)} requests a second meet the objectives ({low} to {high})"
    return Headline(report.verdict, report.verdict, sentence)


def comparison_headline(report: Comparison) -> Headline:
    sentences = {
        "better": "B is better than A",
        "worse": "B is worse than A",
        "same": "B is the same as A within the margin",
        "undecided": "Neither a change nor its absence is shown",
    }
    return Headline(report.verdict, report.verdict, sentences[report.verdict])


def asked(config: Mapping[str, Any]) -> str:
    """Return the load as it was asked for, in a phrase."""
    arrivals = config.get("arrivals")
    if arrivals == "closed":
        return f"{config.get('concurrency')} requests at once, closed loop"
    if arrivals in ("ramp", "step"):
        return f"{arrivals} of {config.get('rates')}"
    if arrivals == "trace":
        return "the times of a trace"
    if config.get("rate") is None:
        return "nothing that the report records"
    name = "Poisson" if arrivals == "poisson" else arrivals
    return f"{number(config['rate'])} requests a second, {name} arrivals"


def run_warnings(report: Report) -> list[str]:
    """Return, most serious first, why the numbers may say less than they seem to."""
    return [
        *_about_end(report),
        *report.saturation.reasons,
        *_about_samples(report),
        *_about_server(report),
    ]


def knee_warnings(report: KneeReport) -> list[str]:
    saturated = [f"{number(stage.rate)}/s" for stage in report.stages if stage.is_saturated]
    remarks = _about_interruption(report.run)
    if saturated:
        remarks.append(f"The client did not keep up at {', '.join(saturated)}.")
    if report.stages and report.knee_rps.value is not None and report.knee_rps.high is None:
        remarks.append("The highest rate tried may still be below the knee.")
    return remarks


def _about_end(report: Report) -> list[str]:
    remarks = _about_interruption(report.run)
    outcomes = report.counts.outcomes
    if num := outcomes.get("not_sent", 0):
        remarks.append(f"{num:,} scheduled requests were never sent: the run ended first.")
    if not report.counts.scheduled:
        remarks.append("No request was scheduled before the run ended.")
    elif not any(name.lower() == "ok" and num for name, num in outcomes.items()):
        remarks.append("No request succeeded.")
    return remarks


def _about_interruption(run: Run) -> list[str]:
    if run.end == "interrupted":
        return ["The run was interrupted: this is what was measured until then."]
    if run.end == "failed":
        return [f"The run failed, this is what was measured until then: {run.failure}"]
    return []


def _about_samples(report: Report) -> list[str]:
    remarks = []
    if not report.steadiness.is_stationary:
        remarks.append(f"Not steady: {report.steadiness.reason}")
    for name in _JUDGED_LATENCIES:
        found = report.distributions.get(name)
        if found is None:
            continue
        if found.num_censored:
            remarks.append(
                f"{label_of(name)}: {found.num_censored:,} of {found.count:,} requests did not end "
                "in time and count as longer than any other."
            )
        few = [f"p{number(p.percent)}" for p in found.percentiles if not p.is_sufficient]
        if few:
            remarks.append(f"{label_of(name)}: too few samples for {', '.join(few)}.")
    return remarks


def _about_server(report: Report) -> list[str]:
    remarks = []
    truncated = report.rates.truncated_rate.value
    if truncated:
        remarks.append(f"{share(truncated)} of answers were cut short.")
    if num := report.tokens.num_without_usage:
        remarks.append(f"{num:,} answers said no token counts and are in no token total.")
    for capture in report.captures:
        if capture.failures:
            num = sum(capture.failures.values())
            remarks.append(f"{num:,} of {capture.num_scrapes:,} scrapes of {capture.url} failed.")
    return remarks


def _judged(gates: list[Gate], verdict: Verdict) -> str:
    num = sum(gate.verdict is verdict for gate in gates)
    return f"{num} of {len(gates)} objectives {'is' if num == 1 else 'are'}"
