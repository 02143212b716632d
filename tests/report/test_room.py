"""A page gives up its least needed parts until it is small enough, and no more than these."""

import json
from pathlib import Path

import pytest

from scarena.report import html
from scarena.report.page.room import Room, first_room

DEMO = json.loads((Path(__file__).parents[2] / "results/reference/demo/board.json").read_text())
TABLE = "Every metric on "


def test_a_small_board_has_room_for_all_of_it():
    assert first_room(DEMO) == Room(all_metrics=True, every=True, further=True, intervals=True)


def test_parts_go_one_at_a_time_the_table_of_every_metric_first():
    room, gone = first_room(DEMO), []
    while (less := room.smaller()) is not None:
        (part,) = (name for name in Room.__slots__ if getattr(room, name) != getattr(less, name))
        gone.append(part)
        room = less
    assert gone == ["all_metrics", "every", "further", "intervals"]
    assert room == Room(all_metrics=False, every=False, further=False, intervals=False)


def test_a_page_that_weighs_too_much_gives_up_the_table_of_every_metric(monkeypatch, tmp_path):
    # The files inside of a page are given up before any part of it.
    monkeypatch.setattr(html.downloads, "downloads", lambda files, room: [])
    whole = html.render(DEMO, tmp_path)
    assert TABLE in whole
    monkeypatch.setattr(html, "MOST_BYTES", len(whole.encode()) - 1)
    less = html.render(DEMO, tmp_path)
    assert TABLE not in less and len(less.encode()) <= html.MOST_BYTES
    ranking = less[less.index('id="ranking"') :]
    assert all(card["title"] in ranking for card in DEMO["models"] if card["family"] != "control")


@pytest.mark.parametrize("most", [0, 1])
def test_a_page_that_cannot_be_so_small_is_made_all_the_same(monkeypatch, tmp_path, most):
    monkeypatch.setattr(html, "MOST_BYTES", most)
    page = html.render(DEMO, tmp_path)
    assert "</html>" in page and TABLE not in page
