"""Figures as inline SVG that follows the page: its fonts, and its colours in light, dark and print.

Matplotlib is given colours that nothing else has; in its output each becomes a CSS variable.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import matplotlib as mpl
import matplotlib.style
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK: Final = "#010101"
MUTED: Final = "#010102"
GRID: Final = "#010103"
CANARY: Final = "#010104"
STABLE: Final = "#010105"
BAD: Final = "#010106"
GOOD: Final = "#010107"
LINES: Final = tuple(f"#01011{place}" for place in range(8))
_NAMES: Final = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    CANARY: "canary",
    STABLE: "stable",
    BAD: "bad",
    GOOD: "good",
    **{colour: f"line-{place}" for place, colour in enumerate(LINES)},
}
_STYLE: Final = {
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.xmargin": 0.01,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "legend.fontsize": 8.5,
    "svg.fonttype": "none",
    # Equal audits give equal pages.
    "svg.hashsalt": "r1-canary",
}
# Inches of 72 units, which scale with the page.
_WIDTH: Final = 6.2
_HEIGHT: Final = 2.65
_LEGEND_ROW: Final = 0.2
_LEGEND_COLUMNS: Final = 5
_UNDATED: Final = {"Date": None, "Creator": None, "Format": None, "Type": None}
_HEAD: Final = re.compile(r"^.*?<svg[^>]*?(viewBox=\"[^\"]*\")[^>]*>", re.DOTALL)
_NOISE: Final = re.compile(
    r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>|<!--.*?-->", re.DOTALL
)
_FONT: Final = re.compile(r"'?DejaVu Sans'?[^;\"]*sans-serif[^;\"]*")
_NUMBERS: Final = re.compile(r" (?:d|x|y|transform|width|height)=\"[^\"]*\"")
_LONG: Final = re.compile(r"(\.\d\d)\d+")
_ID: Final = re.compile(r"( id=\"|url\(#|xlink:href=\"#)")
_COLOUR: Final = re.compile("|".join(_NAMES))


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure of the page; ``alt`` of its SVG says to a screen reader what it shows."""

    title: str
    caption: str
    svg: Markup


def draw(name: str, alt: str, paint: Callable[[Axes], None], *, num_labels: int = 1) -> Markup:
    """Return the painted axes as an element of HTML; ``name`` is unique on its page.

    ``num_labels`` are what the legend is to have room for.
    """
    top = _LEGEND_ROW * -(-num_labels // _LEGEND_COLUMNS)
    width, height = _WIDTH, _HEIGHT + top
    with mpl.style.context(["default", _STYLE]):
        figure = Figure(figsize=(width, height))
        # [left, bottom, width, height] in shares of the figure: room for ticks and the legend.
        paint(
            figure.add_axes(
                (0.62 / width, 0.42 / height, 1 - 0.74 / width, 1 - (0.52 + top) / height)
            )
        )
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata=_UNDATED)
    return _inline(buffer.getvalue(), name, alt)


def add_legend(axes: Axes) -> None:
    """Put the legend above the axes, in as few rows as its labels fit in."""
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=min(max(len(labels), 1), _LEGEND_COLUMNS),
        borderaxespad=0.2,
        borderpad=0,
        columnspacing=1.2,
        handlelength=1.6,
        handletextpad=0.5,
    )


def _inline(svg: str, name: str, alt: str) -> Markup:
    head = _HEAD.match(svg)
    assert head is not None, "matplotlib begins with an svg element"
    body = _NOISE.sub("", svg[head.end() :])
    body = _FONT.sub("var(--font)", body)
    body = _NUMBERS.sub(lambda found: _LONG.sub(r"\1", found.group()), body)
    body = _ID.sub(rf"\g<1>{name}-", body)
    body = _COLOUR.sub(lambda found: f"var(--{_NAMES[found.group()]})", body)
    start = f'<svg class="plot" role="img" aria-label="{escape(alt)}" {head.group(1)}>'
    # Matplotlib escapes what it writes, and the label is escaped above.
    return Markup(start + body)  # noqa: S704
