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
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK: Final = "#010101"
MUTED: Final = "#010102"
GRID: Final = "#010103"
BLUE: Final = "#010104"
ORANGE: Final = "#010105"
GREEN: Final = "#010106"
RED: Final = "#010107"
SURFACE: Final = "#010108"
_VARIABLES: Final = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    BLUE: "blue",
    ORANGE: "orange",
    GREEN: "green",
    RED: "red",
    SURFACE: "surface",
}

_STYLE: Final = {
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    # Names of metrics come from outside and may hold a dollar.
    "text.parse_math": False,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titlecolor": MUTED,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.xmargin": 0.015,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
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
    "legend.borderpad": 0,
    "legend.borderaxespad": 0.3,
    "legend.columnspacing": 1.1,
    "legend.handlelength": 1.5,
    "legend.handletextpad": 0.5,
    "legend.fontsize": 9,
    "path.simplify": False,
    "svg.fonttype": "none",
    # Equal reports give equal pages.
    "svg.hashsalt": "r1-loadtest",
}
_UNDATED: Final = {"Date": None, "Creator": None, "Format": None, "Type": None}

_HEAD: Final = re.compile(r"^.*?<svg[^>]*?(viewBox=\"[^\"]*\")[^>]*>", re.DOTALL)
_NOISE: Final = re.compile(
    r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>|<!--.*?-->", re.DOTALL
)
_FONT: Final = re.compile(r"'?DejaVu Sans'?[^;\"]*sans-serif[^;\"]*")
_DOT: Final = re.compile(r"M (\S+ \S+) \nL \1 \n")
_ATTRIBUTE: Final = re.compile(r" (?:d|x|y|transform|width|height)=\"[^\"]*\"")
_LONG: Final = re.compile(r"(\.\d\d)\d+")
_ID: Final = re.compile(r"( id=\"|url\(#|xlink:href=\"#)")
_INDENT: Final = re.compile(r"\s*\n\s*")
_COLOUR: Final = re.compile("|".join(_VARIABLES))


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure of the page; its SVG says to a screen reader what it shows."""

    title: str
    caption: str
    svg: Markup


def draw(
    name: str,
    alt: str,
    paint: Callable[[Axes], None],
    *,
    width: float = 5.7,
    height: float = 3.5,
    left: float = 0.68,
) -> Markup:
    """Return the painted axes as an element of HTML; ``name`` is unique on its page.

    ``alt`` is what a screen reader says. Sizes are inches of 72 units and scale with the page;
    ``left`` is the room for labels.
    """
    with mpl.style.context(["default", _STYLE]):
        figure = Figure(figsize=(width, height))
        # [left, bottom, width, height] in shares of the figure: room for ticks, title and legend.
        size = (width - left - 0.12, height - 0.5 - 0.6)
        paint(figure.add_axes((left / width, 0.5 / height, size[0] / width, size[1] / height)))
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata=_UNDATED)
    return _inline(buffer.getvalue(), name, alt)


def dots(axes: Axes, xs: np.ndarray, ys: np.ndarray, *, colour: str, label: str) -> None:
    """Scatter the points as one path of round dots: a tenth of what markers take in SVG."""
    breaks = np.full(len(xs), np.nan)
    points = np.column_stack([xs, xs, breaks]).ravel()
    heights = np.column_stack([ys, ys, breaks]).ravel()
    axes.plot(points, heights, color=colour, linewidth=2.2, alpha=0.55)
    # The legend's own mark, as the path's sample would be a line.
    axes.plot([], [], color=colour, marker="o", markersize=5, linestyle="", label=label)


def _inline(svg: str, name: str, alt: str) -> Markup:
    head, body = _HEAD.match(svg), _HEAD.sub("", svg, count=1)
    assert head is not None
    body = _NOISE.sub("", body)
    body = _FONT.sub("var(--font)", body)
    body = _DOT.sub(r"M\1h.01", body)
    body = _ATTRIBUTE.sub(lambda found: _LONG.sub(r"\1", found.group()), body)
    body = _ID.sub(rf"\g<1>{name}-", body)
    body = _COLOUR.sub(lambda found: f"var(--{_VARIABLES[found.group()]})", body)
    body = _INDENT.sub("\n", body)
    start = f'<svg class="plot" role="img" aria-label="{escape(alt)}" {head.group(1)}>'
    # Matplotlib escapes what it writes, and the label is escaped above.
    return Markup(start + body)  # noqa: S704
