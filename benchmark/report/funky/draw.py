"""Drawing the figure of a ranking with matplotlib: a funky heatmap, at most 180 mm wide.

After the funkyheatmap of Saelens et al. 2019 (doi 10.1038/s41587-019-0071-9). Lengths are in mm, sizes of type in pt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scarena.report.funky.layout import (
    BAND,
    EDGE,
    HEAD_PT,
    NAME_PT,
    NOTE_PT,
    VALUE,
    Layout,
    cut,
    head_of,
    layout_of,
    name_of,
    sections_of,
    text_width,
)
from scarena.report.funky.marks import Limits, Mark
from scarena.report.funky.notes import notes
from scarena.report.funky.table import Row, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# One hue each, from light to dark: the order survives any colour blindness and a print in black and white.
PALETTES = {
    "Overall": "Blues", "Ontology": "Greens", "Labels": "Purples", "Total by dataset": "Blues",
    "By dataset": "Greens", "Cost": "Greys",
}  # fmt: skip
_LIGHT, _DARK = 0.08, 0.88
INK, FAINT, STRIPE, FAILED, INTERVAL = "#17202b", "#6b7480", "#f2f4f7", "#b2182b", "#e66100"
_LEGEND, _LINE = 5.5, 2.8
# The smallest mark still holds its number, in millimetres where marks are small.
_LEAST, _LEAST_MM = 0.76, 3.1


def colour_of(group: str, share: float) -> tuple[float, float, float]:
    """Return the colour of a value between the worst (0) and the best (1) of its column."""
    from matplotlib import colormaps

    red, green, blue, _ = colormaps[PALETTES[group]](_LIGHT + (_DARK - _LIGHT) * share)
    return red, green, blue


def luminance(colour: tuple[float, float, float]) -> float:
    """Return the relative luminance of an sRGB colour, 0 for black and 1 for white (WCAG 2.1)."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ink_on(colour: tuple[float, float, float]) -> str:
    """Return black or white, whichever has the higher contrast: at least 4.5, which WCAG asks of text."""
    return "black" if luminance(colour) > 0.179 else "white"


def draw(table: Table) -> Figure:
    """Return the figure of a table."""
    from matplotlib.figure import Figure

    layout = layout_of(table)
    lines = notes(table, layout.width - 2 * EDGE)
    height = layout.bottom + 2 + _LEGEND + _LINE * len(lines) + EDGE
    figure = Figure(figsize=(layout.width / 25.4, height / 25.4))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, layout.width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    _heads(axes, table, layout)
    _stripes(axes, layout)
    rows = [row for _, part in sections_of(table) for row in part]
    for row, y in zip(rows, layout.row_y, strict=True):
        _row(axes, row, y, layout, table.limits)
    for column, x in zip(table.columns, layout.column_x, strict=True):
        for mark, y in zip(column.marks, layout.row_y, strict=True):
            _mark(axes, mark, column.group, x, y, layout.circle)
    _legend(axes, layout, lines)
    return figure


def _text(axes: Axes, x: float, y: float, text: str, size: float, **more: Any) -> None:
    axes.text(x, y, text, **{"size": size, "color": INK, "va": "center_baseline", "parse_math": False, **more})


def _heads(axes: Axes, table: Table, layout: Layout) -> None:
    from matplotlib.patches import Rectangle

    for group, start, end in layout.bands:
        dark = colour_of(group, 1.0)
        axes.add_patch(Rectangle((start, EDGE), end - start, BAND, facecolor=dark, linewidth=0))
        _text(axes, (start + end) / 2, EDGE + BAND / 2, group, HEAD_PT, ha="center", weight="bold", color="white")
    for column, x in zip(table.columns, layout.column_x, strict=True):
        _text(axes, x, layout.head_y, head_of(column), HEAD_PT, ha="center", va="bottom", rotation=90)
    _text(axes, EDGE, layout.head_y - 1, "Rank", HEAD_PT)
    _text(axes, layout.name_x, layout.head_y - 1, "Model", HEAD_PT)
    title = cut(table.headline, HEAD_PT, layout.bar + VALUE)
    _text(axes, layout.bar_x + layout.bar / 2, layout.head_y - 4, title, HEAD_PT, ha="center")
    for tick in _ticks(table.limits):
        x = layout.bar_x + _share(tick, table.limits) * layout.bar
        _text(
            axes,
            x,
            layout.head_y - 1,
            f"{tick:g}".replace("-", "−").replace("0.", "."),
            NOTE_PT,
            ha="center",
            color=FAINT,
        )


def _ticks(limits: Limits) -> list[float]:
    """Return the ends of an axis and what lies between: its middle, or 0 where that is neither end."""
    low, high = limits
    between = (low + high) / 2 if low == 0 or high == 0 else 0.0
    return [low, between, high]


def _share(value: float, limits: Limits) -> float:
    """Return where a value lies between the ends of an axis, cut to 0 and 1."""
    low, high = limits
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _stripes(axes: Axes, layout: Layout) -> None:
    from matplotlib.patches import Rectangle

    for y in layout.row_y[::2]:
        left, wide = EDGE / 2, layout.width - EDGE
        axes.add_patch(Rectangle((left, y - layout.row / 2), wide, layout.row, facecolor=STRIPE, linewidth=0, zorder=0))
    for heading, y in layout.sections:
        room = layout.width - layout.name_x - EDGE
        _text(axes, layout.name_x, y, cut(heading, NOTE_PT, room), NOTE_PT, color=FAINT, style="italic")


def _row(axes: Axes, row: Row, y: float, layout: Layout, limits: Limits) -> None:
    from matplotlib.patches import Rectangle

    _text(axes, EDGE, y, row.rank, NAME_PT)
    _text(
        axes,
        layout.name_x,
        y,
        name_of(row, layout.name_room),
        NAME_PT,
        weight=row.weight,
        color=FAINT if row.control else INK,
    )
    thick = min(2.6, layout.row * 0.55)
    x, top = layout.bar_x, y - thick / 2
    axes.add_patch(Rectangle((x, top), layout.bar, thick, facecolor="#e3e7ec", linewidth=0, zorder=1))
    if row.headline.share is None or row.value is None:
        _mark(axes, row.headline, "Overall", layout.value_x - 2.5, y, layout.circle)
        return
    _text(axes, layout.value_x, y, f"{row.value:.3f}".replace("-", "−").replace("0.", ".", 1), NAME_PT, ha="right")
    face = colour_of("Overall", row.headline.share)
    style: dict[str, Any] = (
        {"facecolor": "white", "linestyle": (0, (2, 1.5))} if row.headline.partial else {"facecolor": face}
    )
    edge = {"edgecolor": colour_of("Overall", 1.0), "linewidth": 0.3}
    ends = sorted(x + layout.bar * _share(end, limits) for end in (0.0, row.value))
    axes.add_patch(Rectangle((ends[0], top), ends[1] - ends[0], thick, **{**edge, **style}, zorder=2))
    if row.low is not None and row.high is not None:
        low, high = (x + layout.bar * _share(end, limits) for end in (row.low, row.high))
        # The ends stand up, so that one too short to be a line is seen.
        axes.plot([low, high], [y, y], color=INTERVAL, linewidth=0.7, solid_capstyle="butt", zorder=3)
        axes.vlines([low, high], y - thick / 3, y + thick / 3, colors=INTERVAL, linewidth=0.7, zorder=3)
    _text(axes, layout.letter_x, y, row.letter, NAME_PT, ha="center")


def _mark(axes: Axes, mark: Mark, group: str, x: float, y: float, most: float) -> None:
    """Draw a value as a circle that holds its number, larger and darker where it is better; or why there is none."""
    from matplotlib.patches import Circle

    if mark.share is None:
        failed = mark.text == "failed"
        text = "×" if failed else "–" if mark.text == "not available" else mark.text
        _text(axes, x, y, text, NAME_PT + 2 if failed else NOTE_PT, ha="center", color=FAILED if failed else FAINT)
        return
    face = colour_of(group, mark.share)
    least = min(most, max(_LEAST * most, _LEAST_MM))
    # A mean over other datasets is neither above nor below the rest.
    wide = least + (0.0 if mark.partial else (most - least) * mark.share)
    style: dict[str, Any] = {"facecolor": face, "edgecolor": colour_of(group, 0.6), "linewidth": 0.3}
    if mark.partial:
        style = {"facecolor": "white", "edgecolor": colour_of(group, 1.0), "linewidth": 0.6, "linestyle": (0, (2, 1.5))}
    axes.add_patch(Circle((x, y), wide / 2, **style, zorder=2))
    size = NOTE_PT * min(1.0, 0.88 * wide / max(text_width(mark.text, NOTE_PT), 0.1))
    _text(axes, x, y, mark.text, size, ha="center", color="black" if mark.partial else ink_on(face), zorder=4)


def _legend(axes: Axes, layout: Layout, lines: list[str]) -> None:
    y = layout.bottom + 2 + _LEGEND / 2
    x = EDGE + layout.circle / 2
    for step in range(5):
        _mark(axes, Mark("", step / 4), "Overall", x, y, layout.circle)
        x += layout.circle + 0.4
    said = "Larger and darker: from the worst to the best model of a column; controls beyond these are cut."
    _text(axes, x - layout.circle / 2 + 1, y, cut(said, NOTE_PT, layout.width - x), NOTE_PT)
    for number, line in enumerate(lines):
        _text(axes, EDGE, y + _LEGEND / 2 + _LINE * (number + 0.5), line, NOTE_PT)
