"""Where the parts of the figure of a ranking are: pure arithmetic on its table and the widths of its texts.

All lengths are in mm from the upper left corner, sizes of type in pt.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from scarena.report.funky.table import Column, Row, Table

# Two columns of most journals.
WIDTH = 180.0
EDGE, RANK, VALUE, LETTER, GAP, BAND, SECTION = 2.0, 8.0, 7.0, 4.2, 1.6, 4.0, 4.0
NAME_PT, HEAD_PT, NOTE_PT = 5.5, 5.5, 5.0
SIGNS = {"sees labels": "‡", "predicts types": "¶", "submitted": "§", "trained on": "†"}
CONTROLS = "Controls, not ranked"
_PITCH, _LEAST_PITCH, _BAR, _LONGEST_BAR = 5.6, 3.2, 12.0, 34.0
_HEAD, _ROWS = 27.0, 196.0
# Names are cut shorter where marks would else be too narrow for their numbers.
_NAMES, _NARROW = (42.0, 34.0), 4.4


@dataclass(frozen=True, slots=True)
class Layout:
    """Places of columns (their middle), bands (from, to), rows (their middle) and headings of sections."""

    name_x: float
    name_room: float
    value_x: float
    bar_x: float
    bar: float
    letter_x: float
    column_x: list[float]
    bands: list[tuple[str, float, float]]
    row_y: list[float]
    sections: list[tuple[str, float]]
    row: float
    circle: float
    head_y: float
    bottom: float
    width: float


@cache
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Return the width of a text in mm."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=size, weight=weight)
    points: float = text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]
    return points * 25.4 / 72


@cache
def drawable(text: str) -> bool:
    """Return whether the figure's font has every character of a text; another font would differ between machines."""
    from matplotlib.font_manager import findfont, get_font

    known = get_font(findfont("DejaVu Sans")).get_charmap()
    return all(ord(character) in known for character in text)


def cut(text: str, size: float, most: float, weight: str = "normal") -> str:
    """Return a text that is at most so wide, its end left out where it is longer."""
    if text_width(text, size, weight) <= most:
        return text
    while text and text_width(f"{text}…", size, weight) > most:
        text = text[:-1]
    return f"{text.rstrip()}…"


def name_of(row: Row, room: float) -> str:
    """Return a model's title, or its name if that cannot be drawn, cut to its room, and the signs of what it is."""
    signs = "".join(sign for start, sign in SIGNS.items() if any(said.startswith(start) for said in row.said))
    # A control's name says what it is.
    signs = "" if row.control else signs
    signs = f" {signs}" if signs else ""
    title = row.title if row.title and drawable(row.title) else row.name
    return cut(title, NAME_PT, room - text_width(signs, NAME_PT, row.weight), row.weight) + signs


def head_of(column: Column) -> str:
    """Return a column's heading as drawn."""
    return cut(column.title, HEAD_PT, _HEAD)


def lowered(title: str) -> str:
    """Return a title as it stands within a sentence."""
    return title[:1].lower() + title[1:]


def sections_of(table: Table) -> list[tuple[str, list[Row]]]:
    """Return the rows in sections with their headings; the ranked models have none."""
    parts = [
        ("", [row for row in table.rows if row.rank]),
        (
            f"Not ranked: no {lowered(table.headline)} on every dataset",
            [row for row in table.rows if not row.rank and not row.control],
        ),
        (CONTROLS, [row for row in table.rows if row.control]),
    ]
    return [part for part in parts if part[1]]


def groups_of(columns: list[Column]) -> list[tuple[str, int]]:
    """Return the groups of columns, with how many each has."""
    found: dict[str, int] = {}
    for column in columns:
        found[column.group] = found.get(column.group, 0) + 1
    return list(found.items())


def _group_widths(groups: list[tuple[str, int]], pitch: float) -> list[float]:
    """Return the widths of groups; the first band also has the total under it, and so room for its name."""
    names = [0.0] + [text_width(name, HEAD_PT, "bold") + 2 for name, _ in groups[1:]]
    return [max(number * pitch, name) for (_, number), name in zip(groups, names, strict=True)]


def _fitted(table: Table, groups: list[tuple[str, int]]) -> tuple[float, float, float, float]:
    """Return the room of names, where totals end, the pitch of columns, and what is then left of the width."""
    for name_room in _NAMES:
        names = max(text_width(name_of(row, name_room), NAME_PT, row.weight) for row in table.rows)
        value_x = EDGE + RANK + names + GAP + VALUE
        room = WIDTH - EDGE - value_x - 1 - _BAR - LETTER - GAP * (len(groups) - 1)
        pitch = _PITCH
        while pitch > _LEAST_PITCH and sum(_group_widths(groups, pitch)) > room:
            pitch -= 0.05
        if pitch >= _NARROW:
            break
    return name_room, value_x, pitch, max(0.0, room - sum(_group_widths(groups, pitch)))


def layout_of(table: Table) -> Layout:
    """Return where everything is: columns as wide as the width allows, then a bar as long as it allows."""
    groups = groups_of(table.columns)
    name_room, value_x, pitch, left = _fitted(table, groups)
    widths, bar = _group_widths(groups, pitch), min(_LONGEST_BAR, _BAR + left)
    start = value_x + 1 + bar + LETTER
    column_x: list[float] = []
    bands: list[tuple[str, float, float]] = []
    for (group, number), wide in zip(groups, widths, strict=True):
        column_x += [start + wide * (i + 0.5) / number for i in range(number)]
        bands.append((group, start if bands else value_x - VALUE, start + wide))
        start += wide + GAP
    head_y = EDGE + BAND + 1.5 + max(text_width(head_of(column), HEAD_PT) for column in table.columns)
    row = min(_PITCH, _ROWS / len(table.rows))
    row_y, sections, y = [], [], head_y + 1.5
    for heading, rows in sections_of(table):
        y += SECTION if heading else 0
        sections += [(heading, y - SECTION / 2)] if heading else []
        row_y += [y + row * (i + 0.5) for i in range(len(rows))]
        y += row * len(rows)
    return Layout(
        name_x=EDGE + RANK, name_room=name_room, value_x=value_x, bar_x=value_x + 1, bar=bar,
        letter_x=value_x + 1 + bar + LETTER / 2,
        column_x=column_x, bands=bands, row_y=row_y, sections=sections, row=row, circle=min(pitch, row) - 0.4,
        head_y=head_y, bottom=y, width=start - GAP + EDGE,
    )  # fmt: skip
