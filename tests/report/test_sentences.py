"""What the page says in words: who leads, who ties, what is best on a dataset."""

import re

import pytest

from scarena.models.registry import all_models
from scarena.report.html import render
from scarena.report.page.scores import scores_of
from scarena.report.page.sentences import lead, of_dataset

SCORE = {"state": "ok", "reason": "", "low": None, "high": None}


def test_the_first_sentence_names_the_leaders_and_ties_only_where_they_are(paired):
    for row in paired["overall"]:
        row["tie_group"] = {"harmony": 1, "scvi": 1}.get(row["model"], 2)
    assert lead(paired)[0] == "harmony and scvi tie for the lead (mean totals 0.600 to 0.700 over 1 dataset)."
    paired["models"][2]["uses_labels"] = True
    assert lead(paired)[0].startswith("harmony and scvi (sees labels) tie")
    paired["overall"][2]["tie_group"] = 2
    assert lead(paired)[0] == "harmony leads beyond noise (mean total 0.700 over 1 dataset)."


def test_the_sentences_say_which_foundation_models_beat_the_best_baseline(paired):
    best = "the best of the 3 baselines compared here (scArena has 22), harmony, beyond noise"
    assert lead(paired)[-1] == f"No foundation model on this board beats {best}."
    paired["differences"][2] |= {"low": -0.16, "high": 0.02}
    assert lead(paired)[-1].endswith("beyond noise; scarena-fm ties with it.")
    paired["differences"][2] |= {"low": -0.16, "high": -0.14}
    paired["overall"][3]["value"] = 0.9
    assert lead(paired)[-1] == f"scarena-fm beats {best}."


def test_predictors_are_told_apart_from_models_that_see_what_they_are_scored_on(paired, tmp_path):
    page = render(paired, tmp_path)
    assert "predicts types" not in page
    harmony = next(card for card in paired["models"] if card["name"] == "harmony")
    harmony |= {"offers": "labels", "uses_labels": True, "trains_on_target": True}
    assert lead(paired)[0].startswith("harmony (predicts types) ")
    # Those that predict are baselines where one of them is compared.
    of = int(re.search(r"scArena has (\d+)", " ".join(lead(paired)))[1])
    assert of == 22 + sum(m.card.offers == "labels" and m.card.family == "baseline" for m in all_models().values())
    page = render(paired, tmp_path)
    assert ">predicts types</span>" in page


def test_the_best_zero_shot_model_is_no_adapted_one_and_no_untrained_twin(paired, new_card):
    paired["overall"][-1]["value"] = 0.99
    paired["models"].append(new_card("adapted", "foundation", trains_on_target=True))
    paired["overall"].append({**paired["overall"][3], "model": "adapted", "value": 0.98})
    said = lead(paired)[1]
    assert said.startswith("The one zero-shot model: scarena-fm (0.550) beats hvg")
    assert said.endswith("Left out of this as controls: FM twin (0.990).")
    paired["models"].append(new_card("second", "foundation"))
    paired["overall"].append({**paired["overall"][3], "model": "second", "value": 0.3})
    assert lead(paired)[1].startswith("Best zero-shot model of 2: scarena-fm (0.550)")


@pytest.mark.parametrize("source", ["models/foundation", "doi:10.1038/x"])
def test_where_all_foundation_models_are_our_own_the_board_says_so(paired, source):
    for entry in paired["models"]:
        if entry["family"] == "foundation":
            entry["source"] = "models/foundation"
    paired["models"][3]["source"] = source
    own = "All 2 foundation models on this board are scArena's own; the board says nothing of published models."
    assert (own in lead(paired)) is (source == "models/foundation")


def test_with_one_baseline_it_is_not_called_the_best_of_several(paired):
    for row in paired["overall"]:
        if row["model"] in ("hvg", "scvi"):
            row |= {"rank_low": None, "coverage": 0.5}
    assert "beats the one baseline compared here (scArena has 22), harmony, beyond noise" in " ".join(lead(paired))


def test_without_intervals_the_sentences_claim_no_tie_and_no_lead(board):
    first, *rest = lead(board)
    assert first == "harmony scores highest (mean total 0.700 over 1 dataset); this board has no intervals."
    assert not any("beats" in sentence or "tie" in sentence for sentence in rest)


@pytest.mark.parametrize(("others", "said"), [(0, "harmony (0.700) alone has a total here."), (1, "Best total here: ")])
def test_a_dataset_with_one_total_has_no_best_and_names_who_lacks_one(board, others, said):
    for cell in board["cells"]:
        if cell["model"] not in ("harmony", *["hvg"][:others]):
            cell["scores"] = {"total": {**SCORE, "value": None, "state": "failed"}}
    board["datasets"][0]["state"] = "ok"
    told = of_dataset(board, "d1", scores_of(board), {})
    assert told.startswith(said) and told.endswith("scvi and scarena-fm.") and "No total here: " in told


def test_a_twin_that_is_best_on_a_dataset_is_left_out_by_name(paired):
    paired["cells"][-1]["scores"] = {"total": {**SCORE, "value": 0.99}}
    told = of_dataset(paired, "d1", scores_of(paired), {})
    assert told.startswith("Best total here: harmony") and told.endswith("Left out as controls: FM twin.")
