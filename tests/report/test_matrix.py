"""The table of datasets and models, and the board's pairs as the page's script reads them."""

from scarena.report.page.matrix import matrix_of, pairs_of, shut_of
from scarena.report.page.overview import data_of
from scarena.report.page.scores import scores_of


def test_a_row_has_the_mean_and_each_dataset_and_controls_come_last(board):
    rows = matrix_of(board, scores_of(board))
    assert [row["card"]["name"] for row in rows] == ["harmony", "scvi", "scarena-fm", "hvg", "labels"]
    assert [entry.text for entry in rows[0]["entries"]] == ["0.700", "0.700"]
    assert [entry.heat for entry in rows[0]["entries"]] == ["1.00", "1.00"]
    missing = rows[-1]["entries"][1]
    assert missing.state == "failed" and missing.note == "<script>alert(1)</script> died"


def test_a_metric_that_ranks_nothing_on_a_dataset_has_no_colours_there(board):
    board["gate"] = [{"metric": "total", "dataset": "d1", "verdict": "fails", "reason": "noise", "checks": []}]
    entries = [row["entries"][1] for row in matrix_of(board, scores_of(board))]
    assert all(entry.gated and not entry.heat for entry in entries)
    assert shut_of(board, ("bio", "total")) == [[1]]


def test_pairs_are_the_boards_in_millionths(paired):
    data = data_of(paired, scores_of(paired))
    names, metrics = [model["name"] for model in data["models"]], data["metrics"]
    found = {(names[a], names[b], metrics[of]): rest for a, b, of, *rest in data["pairs"]}
    assert found["harmony", "scarena-fm", "total"] == [150000, 140000, 160000]
    assert len(found) == len(paired["differences"])


def test_pairs_that_a_page_has_no_room_for_are_left_out(paired):
    paired["differences"] *= 600
    assert pairs_of(paired, ("total", "bio")) == []
    kept = [row for row in paired["differences"] if row["metric"] == "bio"]
    paired["differences"] = [row for row in paired["differences"][:4] if row["metric"] == "total"] + kept * 5
    assert {row[2] for row in pairs_of(paired, ("total", "bio"))} == {0}


def test_a_missing_score_names_its_reason_once(board):
    data = data_of(board, scores_of(board))
    lost = next(model for model in data["models"] if model["name"] == "labels")["scores"][0]
    assert all(data["reasons"][number][1] == "<script>alert(1)</script> died" for number in lost)
    assert len({*map(tuple, data["reasons"])}) == len(data["reasons"])


def test_a_mean_over_part_of_the_datasets_has_no_colour_in_the_ranking(board):
    from scarena.report.page.tables import number, overall_table, signed

    before = {row["card"]["name"]: row["entries"][0].heat for row in overall_table(board, ("total",))}
    best = max((row for row in board["overall"] if row["value"]), key=lambda row: row["value"])
    assert before[best["model"]] == "1.00"
    best["coverage"] = 0.5
    after = {row["card"]["name"]: row["entries"][0].heat for row in overall_table(board, ("total",))}
    assert after[best["model"]] == "" and "1.00" in after.values()
    assert (number(-0.0001), signed(-0.0001), signed(0.2)) == ("0.000", "+0.000", "+0.200")
