"""The words below the figure of a ranking: what the signs in it mean, and what it leaves out."""

from __future__ import annotations

from scarena.report.funky.layout import NOTE_PT, SIGNS, lowered, text_width
from scarena.report.funky.table import Table

_MEANINGS = {
    "sees labels": "sees the labels",
    "predicts types": "predicts types, having learned them from other donors",
    "submitted": "computed elsewhere and submitted",
    "trained on": "trained on some of these datasets, or on their studies",
}


def notes(table: Table, width: float) -> list[str]:
    """Return the lines of the legend, each at most `width` mm wide."""
    marks = [mark for column in table.columns for mark in column.marks] + [row.headline for row in table.rows]
    words = {mark.text for mark in marks if mark.share is None}
    found = ["↓ lower is better."]
    if any(row.low is not None for row in table.rows):
        found.append(f"Line on the {lowered(table.headline)}: its 95 % interval.")
    letters = "Rank: 95 % range; models of one letter are statistically indistinguishable from the best of their group."
    found.append(letters if table.ranges else "Rank: by the value alone.")
    if any(row.weight == "bold" for row in table.rows):
        found.append("Bold: foundation models.")
    if any(mark.partial for mark in marks):
        found.append("Dashed: a mean over part of the datasets or seeds, of no size or colour.")
    if any(any(map(str.isdigit, word)) for word in words):
        found.append("Grey numbers: shown and not ranked, by the metric gate.")
    told = {"n/a": "n/a: not applicable.", "failed": "×: failed.", "not available": "–: not available."}
    found += [text for key, text in told.items() if key in words]
    said = [text for row in table.rows if not row.control for text in row.said]
    found += [f"{SIGNS[key]} {_MEANINGS[key]}." for key in SIGNS if any(text.startswith(key) for text in said)]
    found += [f"{table.left_out} more models are not shown."] if table.left_out else []
    found += (
        [f"Without a {lowered(table.headline)}: {', '.join(table.without_headline)}."] if table.without_headline else []
    )
    found += [f"{table.datasets_left_out} datasets are in the means alone."] if table.datasets_left_out else []
    return wrapped(found, width)


def wrapped(parts: list[str], width: float) -> list[str]:
    """Return texts as lines at most so wide, a text kept whole where it fits a line."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]} {part}" if lines else part
        if lines and text_width(joined, NOTE_PT) <= width:
            lines[-1] = joined
        else:
            lines += _split(part, width)
    return lines


def _split(text: str, width: float) -> list[str]:
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(joined, NOTE_PT) > width:
            lines.append(word)
        else:
            lines[-1] = joined
    return lines
