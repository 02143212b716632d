"""The figure of a ranking: the same bytes each time, nothing over anything else, nothing missing drawn as a value."""

import copy
import itertools
import json
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Circle, Rectangle

from scarena.base.errors import ConfigError, DataError
from scarena.report.funky.draw import PALETTES, colour_of, draw, ink_on, luminance
from scarena.report.funky.figure import FORMATS, styled, write_figure
from scarena.report.funky.layout import WIDTH, layout_of, sections_of, text_width
from scarena.report.funky.marks import marks_of, short, unit
from scarena.report.funky.notes import notes
from scarena.report.funky.table import MOST_MODELS, funky_table

REFERENCE = Path(__file__).parents[2] / "results/reference"
DEMO, FULL, TASKS, RESPONSES = (
    json.loads((REFERENCE / name / "board.json").read_text(encoding="utf-8"))
    for name in ("demo", "full", "tasks", "perturbation")
)
NAMES = [
    "A short one",
    "A model whose title is far too long for any figure of a journal",
    "x",
    "$\\frac{1}{",
    "模型",
    " ",
]


@pytest.fixture
def board():
    return copy.deepcopy(DEMO)


def total_of(board, model):
    return next(row for row in board["overall"] if (row["model"], row["metric"]) == (model, "total"))


def crowded(n_models, n_datasets):
    """The full board with more models and datasets: some failed, some partial, some with odd titles."""
    board = copy.deepcopy(FULL)
    card = next(card for card in board["models"] if card["name"] == "scarena-fm")
    for number in range(n_models):
        name = f"more-{number}"
        board["models"].append({**card, "name": name, "title": NAMES[number % len(NAMES)], "uses_labels": True})
        for row in [row for row in FULL["overall"] if row["model"] == "scarena-fm"]:
            lost = {"rank_low": None, "rank_high": None, "tie_group": None, "coverage": 0.5} if number % 5 == 4 else {}
            board["overall"].append({**row, "model": name, **lost})
        for cell in [cell for cell in FULL["cells"] if cell["model"] == "scarena-fm"]:
            lost = {"state": "failed(oom)", "scores": {}} if (number + len(cell["dataset"])) % 4 == 0 else {}
            board["cells"].append({**cell, "model": name, **lost})
    for number in range(n_datasets - len(FULL["datasets"])):
        name = f"one_more_dataset_{number}"
        board["datasets"].append({**FULL["datasets"][0], "dataset": name})
        board["cells"] += [{**c, "dataset": name} for c in board["cells"] if c["dataset"] == "baron_h1"]
    return board


BOARDS = {"demo": DEMO, "full": FULL, "wide": crowded(8, 18), "crowded": crowded(80, 25), "alone": None}
# What ranks these is no total: of the second it has no lower bound.
BOARDS |= {"tasks": TASKS, "responses": RESPONSES}


def figure_of(name):
    board = BOARDS[name]
    if board is None:
        board = {**DEMO, "models": [card for card in DEMO["models"] if card["name"] == "pca"]}
    with styled():
        figure = draw(funky_table(board))
    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(300)
    canvas.draw()
    return figure, canvas.get_renderer()


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_no_text_lies_over_another_or_leaves_the_figure(name):
    figure, renderer = figure_of(name)
    texts = [text for text in figure.axes[0].texts if text.get_text().strip()]
    boxes = np.array([text.get_window_extent(renderer).extents for text in texts])
    assert len(boxes) > 10
    width, height = figure.get_size_inches() * 300
    assert (boxes[:, :2] >= 0).all() and (boxes[:, 2] <= width).all() and (boxes[:, 3] <= height).all()
    for (i, a), (j, b) in itertools.combinations(enumerate(boxes), 2):
        # Boxes have room above and below their letters: a pixel of it is no overlap.
        over = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
        assert min(over) <= 1, (texts[i].get_text(), texts[j].get_text())


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_marks_do_not_touch_and_hold_their_numbers(name):
    figure, _ = figure_of(name)
    axes = figure.axes[0]
    circles = [patch for patch in axes.patches if isinstance(patch, Circle)]
    centres, radii = np.array([c.center for c in circles]), np.array([c.radius for c in circles])
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2) - radii[:, None] - radii[None]
    np.fill_diagonal(apart, 1)
    assert apart.min() > 0
    radius_at = dict(zip(map(tuple, centres.round(6)), radii, strict=True))
    held = [(text, radius_at.get(tuple(np.round(text.get_position(), 6)))) for text in axes.texts]
    held = [(text, radius) for text, radius in held if radius is not None]
    assert len(held) == len(circles)
    assert all(text_width(text.get_text(), text.get_size()) < 2 * radius for text, radius in held)


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_the_figure_is_at_most_as_wide_as_a_page_and_its_type_can_be_read(name):
    figure, _ = figure_of(name)
    wide, high = figure.get_size_inches() * 25.4
    assert wide <= WIDTH + 1e-6 and high < 250
    # Numbers of four characters in small marks are the smallest.
    assert min(text.get_size() for text in figure.axes[0].texts if text.get_text()) > 2.9


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_the_same_board_is_the_same_bytes_whatever_the_users_own_style(board, tmp_path, suffix):
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    write_figure(board, first)
    with matplotlib.rc_context({"font.size": 20, "svg.hashsalt": "other", "savefig.dpi": 50, "axes.facecolor": "red"}):
        for key in ("cells", "overall", "timings"):
            board[key].reverse()
        write_figure(board, second)
    assert first.read_bytes() == second.read_bytes()
    assert len(first.read_bytes()) > 10_000


def test_every_palette_gets_darker_towards_better_and_its_numbers_can_be_read():
    for group in PALETTES:
        colours = [colour_of(group, share) for share in np.linspace(0, 1, 101)]
        light = np.array([luminance(colour) for colour in colours])
        # The maps have 256 steps each.
        assert (np.diff(light) <= 1e-9).all() and light[0] - light[-1] > 0.6
        for colour, value in zip(colours, light, strict=True):
            ink = 0.0 if ink_on(colour) == "black" else 1.0
            assert (max(value, ink) + 0.05) / (min(value, ink) + 0.05) >= 4.5


def column(board, title):
    table = funky_table(board)
    (found,) = (column for column in table.columns if column.title == title)
    return {row.name: mark for row, mark in zip(table.rows, found.marks, strict=True)}


def test_what_failed_is_no_value_and_a_mean_over_part_is_marked(board):
    for cell in board["cells"]:
        if cell["model"] == "pca" and cell["dataset"] == "li_lines":
            cell |= {"state": "failed(oom)", "scores": {}}
    total_of(board, "pca").update(coverage=0.5, rank_low=None, rank_high=None, tie_group=None)
    mark = column(board, "li_lines")["pca"]
    assert (mark.text, mark.share) == ("failed", None)
    row = next(row for row in funky_table(board).rows if row.name == "pca")
    assert row.headline.partial and (row.rank, row.letter) == ("", "")
    assert not column(board, "baron_h1")["pca"].partial


def test_a_mean_over_part_of_the_datasets_does_not_move_the_scale_of_the_others(board):
    before = column(board, "Bio conservation")
    row = next(row for row in board["overall"] if (row["model"], row["metric"]) == ("scarena-fm", "bio"))
    row |= {"value": 0.99, "coverage": 0.5}
    after = column(board, "Bio conservation")
    assert after["scarena-fm"].partial and after["scarena-fm"].share == 1
    assert {m: after[m] for m in after if m != "scarena-fm"} == {m: before[m] for m in before if m != "scarena-fm"}


def test_without_intervals_there_are_no_letters_and_no_ranges_are_claimed(board):
    assert funky_table(board).ranges and any("95 % range" in line for line in notes(funky_table(board), 170))
    for row in board["differences"]:
        row |= {"low": None, "high": None}
    table = funky_table(board)
    assert not table.ranges and {row.letter for row in table.rows} == {""}
    assert not any("range" in line for line in notes(table, 170))


def test_a_model_without_cost_has_none(board):
    board["timings"] = [row for row in board["timings"] if row["model"] != "pca"]
    assert column(board, "Peak GiB ↓")["pca"].share is None
    assert column(board, "Peak GiB ↓")["hvg"].share is not None


def test_a_dataset_that_cannot_answer_has_no_column_and_is_named(board):
    table = funky_table(board)
    assert table.without_headline == ["pollen"]
    assert [each.title for each in table.columns if each.group == "Total by dataset"] == ["baron_h1", "li_lines"]


@pytest.mark.parametrize("name", sorted(set(BOARDS) - {"alone"}))
def test_controls_come_last_after_what_has_no_rank_and_no_more_than_forty_are_drawn(name):
    table = funky_table(BOARDS[name])
    kinds = [2 if row.control else 0 if row.rank else 1 for row in table.rows]
    assert kinds == sorted(kinds)
    assert len(table.rows) == min(MOST_MODELS, len(BOARDS[name]["models"]))
    assert table.left_out == len(BOARDS[name]["models"]) - len(table.rows)
    assert len(layout_of(table).row_y) == len(table.rows)


VALUES = st.lists(st.floats(0, 1), min_size=2, max_size=8)


@given(VALUES, st.booleans(), st.booleans())
def test_a_better_value_is_never_drawn_smaller(values, lower, fold):
    cards = [{"family": "baseline"}] * (len(values) - 1) + [{"family": "control"}]
    marks = marks_of([(value, False) for value in values], cards, unit, lower=lower, fold=fold)
    for (x, a), (y, b) in itertools.combinations(zip(values, marks, strict=True), 2):
        assert 0 <= a.share <= 1
        assert (a.share - b.share) * (x - y) * (-1 if lower else 1) >= 0


def test_models_that_are_as_good_as_equal_are_drawn_alike():
    cards = [{"family": "baseline"}] * 2
    a, b = marks_of([(0.600, False), (0.601, False)], cards, unit)
    assert abs(a.share - b.share) < 0.03


@given(st.floats(0, 1e8))
def test_a_number_of_any_size_is_told_in_four_characters_and_to_two_digits(value):
    text = short(value)
    assert len(text) <= 4
    if text != "<.01":
        told = float(text.rstrip("kM")) * {"k": 1e3, "M": 1e6}.get(text[-1], 1)
        assert told == pytest.approx(value, rel=0.06, abs=0.0051)
    else:
        assert value < 0.005


def test_a_title_that_cannot_be_drawn_gives_way_to_the_name(board, tmp_path):
    for card, title in zip(board["models"], [*NAMES, "\x1b[2J", "a\nb"], strict=False):
        card["title"] = title
    write_figure(board, tmp_path / "a.png")
    with styled():
        drawn = {text.get_text() for text in draw(funky_table(board)).axes[0].texts}
    assert "$\\frac{1}{" in drawn and board["models"][4]["name"] in drawn and "模型" not in drawn


def test_another_kind_of_file_and_a_board_without_models_are_refused(board, tmp_path):
    with pytest.raises(ConfigError, match=r"\.pdf, \.png, \.svg"):
        write_figure(board, tmp_path / "a.jpg")
    with pytest.raises(DataError, match="nothing to draw"):
        write_figure({**board, "models": []}, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_another_headline_than_a_total_is_what_the_bars_show():
    table, board = funky_table(RESPONSES), RESPONSES
    found = {row["model"]: row["value"] for row in board["overall"] if row["metric"] == "response_value"}
    assert table.headline == "Response value" and "total" not in {text.casefold() for text in drawn_texts(table)}
    assert {row.name: row.value for row in table.rows} == {row.name: found.get(row.name) for row in table.rows}
    assert any(row.rank for row in table.rows) and table.limits[0] < -0.5 and table.limits[1] > 0
    lowest = min(row.low for row in table.rows if row.low is not None and not row.control)
    assert table.limits[0] <= lowest


def test_other_tasks_have_a_column_and_no_colour_where_the_gate_does_not_rank():
    table = funky_table(RESPONSES)
    others = {column.title: column for column in table.columns if column.group == "Overall"}
    assert set(others) == {"Unseen pair: response value", "Unseen context: response value"}
    assert all(mark.share is None for column in others.values() for mark in column.marks)
    assert any("shown and not ranked" in line for line in notes(table, 170))


def test_a_bar_below_zero_grows_to_the_left():
    table = funky_table(RESPONSES)
    axes, layout = draw(table).axes[0], layout_of(table)
    zero = layout.bar_x + layout.bar * (0 - table.limits[0]) / (table.limits[1] - table.limits[0])
    rows = [row for _, part in sections_of(table) for row in part]
    y = layout.row_y[[row.name for row in rows].index("deposited-scgpt")]
    bars = [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.zorder == 2]
    (bar,) = [bar for bar in bars if abs(bar.get_y() + bar.get_height() / 2 - y) < 0.1]
    assert bar.get_x() + bar.get_width() == pytest.approx(zero) and bar.get_width() > 0.2 * layout.bar


def drawn_texts(table):
    return [text.get_text() for text in draw(table).axes[0].texts]
