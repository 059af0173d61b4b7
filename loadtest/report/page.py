"""The report as one page of HTML that asks nothing of any other place."""

from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from loadtest.definitions import DEFINITIONS
from loadtest.report import plots, remarks, verdict_plots, views
from loadtest.report.quantity import PLAIN, SHARE, duration, number, scale_of_gate, share, size
from loadtest.report.schema import Comparison, KneeReport, Report


def render(report: Report | KneeReport | Comparison) -> str:
    """Return the page: equal reports give equal pages, and what they say is escaped."""
    match report:
        case Report():
            return _fill("run.html.j2", report, _of_run(report))
        case KneeReport():
            return _fill("knee.html.j2", report, _of_knee(report))
        case Comparison():
            return _fill("comparison.html.j2", report, _of_comparison(report))


def _of_run(report: Report) -> dict[str, Any]:
    rows = views.latency_rows(report.distributions)
    telling = views.telling(report.captures)
    return {
        "headline": remarks.run_headline(report),
        "warnings": remarks.run_warnings(report),
        "asked": remarks.asked(report.config),
        "tiles": views.tiles(report),
        "distributions": rows,
        "percents": sorted({percent for row in rows for percent in row.percentiles}),
        "confidence": share(report.config.get("confidence")),
        "plots": plots.run_plots(report),
        "workers": views.worker_rows(report),
        "metric_plots": [plots.metric(series, place) for place, series in enumerate(telling)],
        "captures": [views.capture_table(capture) for capture in report.captures],
    }


def _of_knee(report: KneeReport) -> dict[str, Any]:
    return {
        "headline": remarks.knee_headline(report),
        "warnings": remarks.knee_warnings(report),
        "plots": verdict_plots.knee_plots(report),
        "percent": SHARE,
        "stages": sorted(report.stages, key=lambda stage: stage.rate),
    }


def _of_comparison(report: Comparison) -> dict[str, Any]:
    forest = verdict_plots.forest(report)
    return {
        "headline": remarks.comparison_headline(report),
        "confidence": share(report.confidence),
        "plots": [forest] if forest else [],
        "definitions": {
            name: DEFINITIONS[name]
            for name in dict.fromkeys(change.metric for change in report.changes)
            if name in DEFINITIONS
        },
        "plain": PLAIN,
        "changes": views.change_rows(report.changes),
    }


def _fill(template: str, report: Report | KneeReport | Comparison, context: dict[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("loadtest.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "duration": duration,
        "share": share,
        "size": size,
        "words": remarks.words,
        "scale_of_gate": scale_of_gate,
        "bar": views.gate_bar,
        "sign": remarks.SIGNS.__getitem__,
    }
    css = resources.files("loadtest.report").joinpath("page.css").read_text("utf-8")
    # The file is ours, and a style sheet has no entities.
    style = Markup(css)  # noqa: S704
    return environment.get_template(template).render(report=report, css=style, **context)
