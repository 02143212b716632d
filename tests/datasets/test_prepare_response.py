"""A prepared dataset of perturbations: scorer and models share no cell, names join, published sets are whole."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import CardError, DataError
from scarena.datasets import prepare_response as module
from scarena.datasets.card import card_names, load_card, parse_card
from scarena.datasets.gene_facts import COLLECTIONS, FACTS
from scarena.datasets.genes import gene_table
from scarena.datasets.network_effects import log_normalised
from scarena.datasets.prepare import prepare
from scarena.datasets.prepare_response import prepare_response, response_summary
from scarena.datasets.response_cells import depth_of
from scarena.datasets.response_effects import correlations, halves, means
from scarena.datasets.response_learned import cell_leaks, learned_file, read_learned
from scarena.datasets.response_splits import seen, splits_sha256
from scarena.datasets.response_truth import Split, read_response_cells, read_response_truth, write_response_truth
from scarena.models.responses import seen_of

N_GENES, N_CONTROL, N_EACH = 20, 90, 45


@pytest.fixture(scope="module")
def symbols(cache):
    table = gene_table(cache=cache)
    return [s for s in sorted(table.symbol_to_id) if s.isalnum()][:N_GENES]


@pytest.fixture(autouse=True)
def few_facts(monkeypatch, symbols, cache, request):
    """Facts of half of the genes, so that tests of made cells need none of the published tables."""
    if "published" in request.fixturenames:
        request.getfixturevalue("published")
        facts = request.getfixturevalue("facts")
    else:
        ids = gene_table(cache=cache).ids(symbols[: N_GENES // 2])
        facts = pd.DataFrame(1.0, ids, ["mean_expression", "tau", "length", *COLLECTIONS]).assign(
            symbol=symbols[: N_GENES // 2]
        )
    monkeypatch.setattr(module, "gene_facts", lambda **_: facts.copy())


def written(folder, symbols, labels, *, contexts=None, counts=None, genes=None, columns=None, **response):
    """Return a card of cells in two batches; the first gene of a label is knocked down."""
    rng = np.random.default_rng(0)
    if counts is None:
        counts = rng.poisson(8, (len(labels), len(symbols)))
        for row, label in enumerate(labels):
            for part in label.split("+"):
                if part in symbols:
                    counts[row, symbols.index(part)] //= 4
    names = [f"cell{i}" for i in range(len(labels))]
    pd.DataFrame(np.asarray(counts).T, index=columns or symbols, columns=names).to_csv(folder / "counts.csv")
    batch = rng.permutation(np.where(np.arange(len(labels)) % 3 == 0, "a", "b"))
    table = {"what": labels, "rep": batch, "line": contexts if contexts is not None else "one"}
    pd.DataFrame(table, index=names).to_csv(folder / "cells.csv")
    raw = {
        "name": "made", "title": "t", "description": "d", "kind": "response", "study": ["s"],
        "files": [{"key": key, "url": f"file:{folder}/{key}.csv"} for key in ("counts", "cells")],
        "reader": {"name": "tables", "options": {
            "matrix": "counts", "metadata": {"file": "cells"}, "label": {"column": "what"},
            "batch": {"column": "rep"}, "donor": {"column": "line"}}},
        "response": {"setting": "gene", "cells": {"control": "ctrl"}, **response},
        "not_applicable": {"ontology": "made up"},
    }  # fmt: skip
    return parse_card(raw, "made")


def labels_of(*perturbed, n_control=N_CONTROL):
    return np.repeat(["ctrl", *perturbed], [n_control, *[N_EACH] * len(perturbed)]).astype(object)


@pytest.fixture
def made(tmp_path, symbols, cache, ontology):
    """A maker of a prepared screen of four genes, one unknown, one rare and one label twice."""
    labels = np.concatenate([labels_of(*symbols[:3], "NO-SUCH"), np.repeat(symbols[7], 10)])

    def make(**response):
        card = written(tmp_path, symbols, labels, **response)
        return labels, prepare_response(card, cache=cache, ontology=ontology)

    return make


def rows_of(cells):
    return [int(name.removeprefix("cell")) for name in cells.obs_names]


def test_scorer_and_models_have_disjoint_halves_of_the_control(made, symbols, tmp_path):
    labels, (truth, cells) = made()
    rows = rows_of(cells)
    assert set(labels[rows]) == {"ctrl"} and len(rows) == N_CONTROL // 2
    assert set(cells.obs["cell_type"]) == {"unknown"} and set(cells.obs["context"]) == {"all"} and not cells.uns
    counts = csr_matrix(pd.read_csv(tmp_path / "counts.csv", index_col=0).to_numpy().T)
    log = log_normalised(counts).toarray()
    others = np.setdiff1d(np.flatnonzero(labels == "ctrl"), rows)
    np.testing.assert_allclose(truth.control_shown[0], log[rows].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(truth.control_scored[0], log[others].mean(axis=0), rtol=1e-5)
    row = list(truth.profiles.index).index(symbols[1])
    both = (truth.observed[row] * 23 + truth.duplicate[row] * 22) / 45
    np.testing.assert_allclose(both, truth.whole[row], rtol=1e-5)
    np.testing.assert_allclose(truth.whole[row], log[labels == symbols[1]].mean(axis=0), rtol=1e-5)
    assert not truth.shared_control and truth.targets == {"response", "replicates"}


def test_profiles_are_known_by_gene_and_what_is_unknown_or_rare_is_said(made, symbols, cache):
    _, (truth, _) = made()
    ids = gene_table(cache=cache).ids(symbols)
    assert truth.profiles["targets"].to_dict() == {
        "NO-SUCH": "", **dict(zip(symbols[:3], ids[:3], strict=True))
    }  # fmt: skip
    assert set(truth.profiles["n_cells"]) == {N_EACH} and truth.measured == tuple(ids)
    told = " ".join(truth.notes)
    assert "1 perturbed genes are not known by these names: NO-SUCH" in told and "4 of 5 profiles" in told
    assert list(truth.genes.columns) == ["symbol", *FACTS] and list(truth.genes.index) == ids
    assert truth.genes[FACTS[0]].isna().sum() == N_GENES // 2
    assert f"{N_GENES // 2} of {N_GENES} genes have no mean_expression" in told


def test_the_own_gene_does_not_make_an_effect_reproducible(made, symbols):
    _, (truth, _) = made()
    assert truth.profiles["reproducibility"].max() < 0.8
    own = truth.strength[list(truth.profiles.index).index(symbols[0]), 0]
    assert own == truth.strength.max() and truth.doubt[truth.strength == own].item() < 1e-6


def test_the_truth_comes_back_as_it_was_and_so_do_the_cells(made, tmp_path):
    _, (truth, cells) = made()
    write_response_truth(truth, cells, tmp_path / "dataset.h5ad")
    back = read_response_truth(tmp_path / "dataset.h5ad")
    for name in ("observed", "whole", "control_scored", "control_shown", "duplicate", "strength", "doubt"):
        np.testing.assert_array_equal(getattr(back, name), getattr(truth, name))
    pd.testing.assert_frame_equal(back.profiles, truth.profiles, check_dtype=False, check_names=False)
    assert back.further["splits_sha256"] == splits_sha256(back.splits) == splits_sha256(truth.splits)
    assert (read_response_cells(tmp_path / "dataset.h5ad").X != cells.X).nnz == 0
    told = response_summary(back)
    assert told["response"]["profiles"] == 4 and told["n_cells"] == 4 * N_EACH and told["n_genes"] == N_GENES


def test_models_learn_from_the_cells_of_their_training_alone_and_from_none_that_is_scored(made, symbols, tmp_path):
    labels, (truth, shown) = made()
    path = tmp_path / "dataset.h5ad"
    write_response_truth(truth, shown, path)
    asked = truth.profiles.index[0]
    split = Split("one", "fold", tuple(truth.profiles.index[1:]), (asked,))
    cells = read_learned(path, split)
    profile = cells.obs["profile"].astype(str).to_numpy()
    assert set(profile) == {"", *split.training} and not set(labels[rows_of(cells)]) & {asked}
    assert set(cells.obs_names[profile == ""]) == set(shown.obs_names)
    for name in split.training:
        mean = np.asarray(cells.X[profile == name].mean(axis=0)).ravel()
        np.testing.assert_allclose(mean, truth.whole[list(truth.profiles.index).index(name)], rtol=1e-5)
    np.testing.assert_allclose(
        np.asarray(cells.X[profile == ""].mean(axis=0)).ravel(), truth.control_shown[0], rtol=1e-5
    )
    seen = seen_of(read_response_truth(path), split, None, path=path)
    assert seen.training_cells is not None and seen.training_cells().obs_names.equals(cells.obs_names)
    learned_file(path).unlink()
    with pytest.raises(DataError):
        seen.training_cells()


def test_cells_of_what_is_asked_about_are_found_where_they_are_handed_over():
    split = Split("one", "fold", ("a",), ("b",))
    assert cell_leaks(split, ["", "a"]) == ()
    assert "'b'" in cell_leaks(split, ["b", "a"])[0] and "'c'" in cell_leaks(split, ["c", ""])[0]


def test_the_same_cells_make_the_same_truth(made):
    (_, (one, _)), (_, (other, _)) = made(), made()
    np.testing.assert_array_equal(one.observed, other.observed)
    pd.testing.assert_frame_equal(one.profiles, other.profiles)
    assert one.splits == other.splits


def test_genes_are_chosen_by_the_control_alone(tmp_path, symbols, cache, ontology):
    labels = labels_of(*symbols[:2])
    counts = np.random.default_rng(0).poisson(5, (len(labels), N_GENES))
    counts[labels == "ctrl", :4] = 0
    counts[labels != "ctrl", :4] = 900
    card = written(tmp_path, symbols, labels, counts=counts, cells={"control": "ctrl", "n_genes": N_GENES - 4})
    truth, cells = prepare_response(card, cache=cache, ontology=ontology)
    ids = gene_table(cache=cache).ids(symbols)
    assert truth.measured == tuple(ids[4:]) and list(cells.var_names) == ids


def test_the_depth_of_a_panel_is_that_of_the_median_cell_of_the_control(tmp_path, symbols, cache, ontology):
    labels = labels_of(*symbols[:2])
    card = written(tmp_path, symbols, labels, cells={"control": "ctrl", "per": "median"})
    truth, _ = prepare_response(card, cache=cache, ontology=ontology)
    counts = pd.read_csv(tmp_path / "counts.csv", index_col=0).to_numpy().T
    depth = np.median(counts.sum(axis=1)[labels == "ctrl"])
    expected = np.log1p(counts / counts.sum(axis=1, keepdims=True) * depth)
    np.testing.assert_allclose(truth.whole[0], expected[labels == truth.profiles.index[0]].mean(axis=0), rtol=1e-5)


def test_contexts_have_their_own_controls_and_one_without_is_left_out(tmp_path, symbols, cache, ontology):
    labels = np.concatenate([labels_of(*symbols[:2]), labels_of(*symbols[:2]), labels_of(symbols[0], n_control=3)])
    n = N_CONTROL + 2 * N_EACH
    contexts = np.repeat(["x", "y", "z"], [n, n, 3 + N_EACH])
    card = written(
        tmp_path, symbols, labels, contexts=contexts, setting="context", cells={"control": "ctrl", "context": "donor"}
    )
    truth, cells = prepare_response(card, cache=cache, ontology=ontology)
    assert truth.contexts == ("x", "y") and [split.name for split in truth.splits] == ["context x", "context y"]
    assert set(truth.profiles.index) == {f"{s} in {c}" for s in symbols[:2] for c in "xy"}
    assert cells.obs["context"].value_counts().to_dict() == {"x": N_CONTROL // 2, "y": N_CONTROL // 2}
    assert any("1 contexts have no 40 cells of the control" in note for note in truth.notes)
    assert not np.allclose(truth.control_shown[0], truth.control_shown[1])


def test_one_perturbation_in_two_contexts_is_enough_and_its_control_stands_for_the_others(
    tmp_path, symbols, cache, ontology
):
    labels = np.tile(labels_of("drug"), 2)
    contexts = np.repeat(["x", "y"], N_CONTROL + N_EACH)
    card = written(
        tmp_path, symbols, labels, contexts=contexts, setting="context", of="compounds",
        cells={"control": "ctrl", "context": "donor"},
    )  # fmt: skip
    truth, _ = prepare_response(card, cache=cache, ontology=ontology)
    assert len(truth.splits) == 2 and set(truth.profiles["targets"]) == {""} and np.isfinite(truth.strength).all()
    assert any("its control stands for them" in note for note in truth.notes)


def test_pairs_are_asked_and_where_genes_are_unseen_they_are_left_out(tmp_path, symbols, cache, ontology):
    a, b, c = symbols[:3]
    labels = labels_of(a, b, c, f"{a}+{b}", f"{c}+{b}")
    card = written(tmp_path, symbols, labels, setting="pair", separator="+")
    truth, _ = prepare_response(card, cache=cache, ontology=ontology)
    asked = {name: n for split in truth.splits for name, n in seen(split, truth.profiles).items()}
    assert asked == {f"{a}+{b}": 2, f"{b}+{c}": 2} and len(truth.profiles) == 5
    card = written(tmp_path, symbols, labels, setting="gene", separator="+")
    truth, _ = prepare_response(card, cache=cache, ontology=ontology)
    assert set(truth.profiles.index) == {a, b, c}
    assert any("2 combinations of genes are left out" in note for note in truth.notes)


def test_published_logarithms_are_taken_as_they_are_and_models_see_no_cells(tmp_path, symbols, cache, ontology):
    labels = labels_of(*symbols[:2])
    values = np.log1p(np.random.default_rng(1).gamma(1.0, 1.0, (len(labels), N_GENES)))
    # The last column is the first gene again, by its id.
    columns = [*symbols[:-1], gene_table(cache=cache).ids(symbols[:1])[0]]
    card = written(
        tmp_path, symbols, labels, counts=values, columns=columns, cells={"control": "ctrl", "values": "published"}
    )
    truth, cells = prepare_response(card, cache=cache, ontology=ontology)
    assert cells is None and truth.duplicate is not None and len(truth.measured) == N_GENES - 1
    np.testing.assert_allclose(
        truth.whole, [values[labels == name][:, :-1].mean(axis=0) for name in truth.profiles.index], rtol=1e-5
    )
    told = " ".join(truth.notes)
    assert "1 are another column of one" in told and "models are shown no cells" in told


FAULTS = {
    "no control: 0 cells are labelled 'nobody'": {"cells": {"control": "nobody"}},
    "no perturbation has 46 cells": {"cells": {"control": "ctrl", "at_least": 46}},
    "no cell is of the context 'z'": {"cells": {"control": "ctrl", "context": "donor", "contexts": ["z"]}},
    "1 contexts: nothing can be held out": {"setting": "context"},
    "0 pairs of genes: nothing can be held out": {"setting": "pair", "separator": "+"},
    "no split: nothing is asked about": {"folds": 0},
}


@pytest.mark.parametrize("what", FAULTS)
def test_too_little_to_ask_about_is_one_typed_line(made, what):
    with pytest.raises(DataError, match=what):
        made(**FAULTS[what])


def test_a_context_with_a_control_alone_is_left_out_and_said_to_be(tmp_path, symbols, cache, ontology):
    labels = np.concatenate([labels_of("drug", "other"), labels_of("drug", "other"), labels_of()])
    contexts = np.repeat(["a", "b", "z"], [2 * N_EACH + N_CONTROL, 2 * N_EACH + N_CONTROL, N_CONTROL])
    cells = {"control": "ctrl", "context": "donor"}
    card = written(tmp_path, symbols, labels, contexts=contexts, setting="context", of="compounds", cells=cells)
    truth, shown = prepare_response(card, cache=cache, ontology=ontology)
    assert truth.contexts == ("a", "b") and set(shown.obs["context"]) == {"a", "b"}
    assert "1 contexts have a control and no profile, and are left out: z" in truth.notes


def test_a_single_perturbation_is_one_typed_line(tmp_path, symbols, cache, ontology):
    card = written(tmp_path, symbols, labels_of(symbols[0]))
    with pytest.raises(DataError, match="1 perturbations: nothing can be held out"):
        prepare_response(card, cache=cache, ontology=ontology)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"kind": "cells"}, "go together"),
        ({"response": None}, "go together"),
        ({"response": {"setting": "gene"}}, "is for cells"),
        ({"response": {"setting": "pair", "cells": {"control": "c"}}}, "separator"),
        ({"response": {"setting": "gene", "folds": 1, "cells": {"control": "c"}}}, "leaves nothing"),
        ({"reader": {"name": "mean_profiles", "options": {"contexts": {"counts": "x"}}}}, "is for cells"),
        ({"reader": {"name": "mean_profiles", "options": {"contexts": {"o": "x"}}}, "response": {"setting": "gene"}},
         "key of no file"),
        ({"reader": {"name": "mean_profiles", "options": {}}, "response": {"setting": "gene"}}, "contexts"),
    ],
)  # fmt: skip
def test_a_card_that_contradicts_itself_is_refused(tmp_path, symbols, change, what):
    raw = {**written(tmp_path, symbols, labels_of(symbols[0])).model_dump(mode="json"), **change}
    with pytest.raises(CardError, match=what):
        parse_card(raw, "made")


def test_a_card_of_other_things_says_nothing_of_responses():
    assert "response" not in load_card("kang").model_dump_json()
    with pytest.raises(CardError, match="no `response`"):
        prepare_response(load_card("kang"), cache=None)


# Profiles, genes, contexts, splits; data.md and the manifest of the mirror count the profiles.
SIZES = {
    "response_papalexi": (24, 254, 1, 5), "response_chen": (187, 1963, 1, 9), "response_frangieh": (153, 1952, 1, 9),
    "response_schmidt": (50, 1946, 1, 9), "response_schmidt_published": (50, 1946, 1, 1),
    "response_shifrut": (14, 1881, 1, 5), "response_mccutcheon_crispri": (16, 1950, 1, 5),
    "response_mccutcheon_crispra": (16, 1959, 1, 5), "response_op3": (563, 1932, 4, 20),
    "response_norman_devel": (33, 500, 1, 5), "response_mcfaline_devel": (27, 500, 3, 3),
    "response_gbm_panobinostat": (5, 300, 5, 5),
}  # fmt: skip
NOT_RUN = {
    "response_norman", "response_adamson", "response_replogle_k562", "response_replogle_rpe1", "response_sciplex3",
    "response_kang_2018",
}  # fmt: skip


def test_every_card_of_responses_is_tested_here_or_said_not_to_be():
    by_r = {"response_kang_stim"}
    assert {name for name in card_names() if name.startswith("response_")} == set(SIZES) | NOT_RUN | by_r


LAYOUTS = {
    "response_norman": ["control", "{0}", "{1}", "{0}_{1}", "{1}_{2}"],
    "response_adamson": ["63(mod)_pBA580", "{0}_pDS255", "{0}_pDS256", "{1}_pBA7", "62(mod)_pBA581", "*"],
    "response_replogle_k562": ["control", "{0}", "{1}"], "response_replogle_rpe1": ["control", "{0}", "{1}"],
    "response_sciplex3": ["control", "(+)-JQ1", "{0}"], "response_kang_2018": ["ctrl", "stim"],
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_made_files_of_the_layout_that_a_card_not_run_describes_are_read(name, tmp_path, symbols, cache, ontology):
    labels = np.tile(np.repeat([each.format(*symbols) for each in LAYOUTS[name]], 50), 3)
    card, rng = load_card(name), np.random.default_rng(0)
    columns = {column: rng.permutation(np.resize(["a", "b", "c"], len(labels))) for column in ("batch", "gemgroup")}
    obs = pd.DataFrame({
        **columns, "cell_line": np.repeat(["x", "y", "z"], len(labels) // 3), "replicate": columns["batch"],
        "cell_type": np.repeat(["B", "T", "NK"], len(labels) // 3), "perturbation": labels, "label": labels,
    }, [f"cell{i}" for i in range(len(labels))])  # fmt: skip
    if name == "response_adamson":
        obs["cell_line"] = "K562"
    counts = csr_matrix(rng.poisson(5, (len(labels), N_GENES)).astype(np.float32))
    AnnData(counts, obs, pd.DataFrame(index=symbols)).write_h5ad(tmp_path / "made.h5ad")
    raw = {**card.model_dump(mode="json"), "files": [{"key": "h5ad", "url": f"file:{tmp_path}/made.h5ad"}]}
    truth, cells = prepare_response(parse_card(raw, name), cache=cache, ontology=ontology)
    perturbations = {
        "response_norman": {symbols[0], symbols[1], "+".join(symbols[:2]), "+".join(symbols[1:3])},
        "response_sciplex3": {"(+)-JQ1", symbols[0]}, "response_kang_2018": {"stim"},
    }.get(name, set(symbols[:2]))  # fmt: skip
    assert set(truth.profiles["perturbation"]) == perturbations and cells.n_obs == 75
    assert len(truth.contexts) == (3 if card.response.setting == "context" else 1)


def test_cards_not_run_say_so_and_are_listed():
    listed = (Path(__file__).parents[2] / "docs/datasets-not-run.md").read_text(encoding="utf-8")
    assert all(load_card(name).notes.startswith("Not run here") and f"`{name}`" in listed for name in NOT_RUN)


_KEPT = {}


@pytest.fixture
def at_hand(published, cache, ontology):
    """A maker of prepared published sets, each made once."""

    def make(name):
        if name not in _KEPT:
            _KEPT[name] = prepare_response(load_card(name), cache=cache, ontology=ontology)
        return _KEPT[name]

    return make


@pytest.mark.parametrize("name", SIZES)
def test_published_sets_are_what_their_sources_say(name, at_hand):
    truth, cells = at_hand(name)
    found = (len(truth.profiles), len(truth.measured), len(truth.contexts), len(truth.splits))
    assert found == SIZES[name]
    assert not any("not known by these names" in note for note in truth.notes)
    assert (cells is not None) == (name in ("response_papalexi", "response_gbm_panobinostat"))
    if truth.duplicate is None:
        assert truth.shared_control and np.isnan(truth.profiles["reproducibility"]).all()


def test_the_published_split_asks_what_the_published_predictions_say(at_hand):
    truth, _ = at_hand("response_schmidt_published")
    (split,) = truth.splits
    assert (split.kind, len(split.asked), len(split.training)) == ("published", 36, 14)


def test_nine_effects_of_papalexi_are_reproducible(at_hand):
    truth, _ = at_hand("response_papalexi")
    again = truth.profiles["reproducibility"]
    assert set(again.index[again > 0.5]) == {
        "IFNGR1", "IFNGR2", "JAK2", "STAT1", "SMAD4", "IRF1", "CUL3", "BRD4", "STAT2",
    }  # fmt: skip
    assert again[["ATF2", "CAV1", "CD86", "IRF7", "MARCHF8", "PDCD1LG2", "STAT5A"]].max() < 0.25


def test_additive_predictions_of_the_five_pairs_are_as_good_as_was_measured(at_hand):
    """Pearson of effects against one control for all: .71 to .99."""
    truth, _ = at_hand("response_norman_devel")
    whole = pd.DataFrame(truth.whole, truth.profiles.index)
    control = (truth.control_scored[0] + truth.control_shown[0]) / 2
    pairs = [n for split in truth.splits for n, k in seen(split, truth.profiles).items() if k == 2]
    found = []
    for pair in pairs:
        one, other = pair.split("+")
        found.append(np.corrcoef(whole.loc[one] + whole.loc[other] - 2 * control, whole.loc[pair] - control)[0, 1])
    assert len(found) == 5
    assert (min(found), max(found)) == (pytest.approx(0.71, abs=0.01), pytest.approx(0.99, abs=0.01))


def test_controls_that_truth_and_prediction_share_make_a_score_of_nothing(at_hand, cache, ontology):
    """Pearson of effects over ten draws of halves, 24 targets: measured before with other draws, shared against split
    controls: no change .216 against nothing, train mean .293 → .172, replicate .511 → .380."""
    card, names = load_card("response_papalexi"), at_hand("response_papalexi")[0].profiles.index
    data = prepare(card, cache=cache, ontology=ontology)
    log = log_normalised(data.X, depth_of(data, card.response.cells))
    label = data.obs["cell_type"].astype(str).replace(card.response.names)
    group = label.map({**{name: i for i, name in enumerate(names)}, "non-targeting": 24}).fillna(-1).to_numpy(int)
    none, found = np.zeros((24, log.shape[1]), bool), []
    for seed in range(10):
        first = halves(group, np.zeros(len(group)), np.random.default_rng(seed))
        (x, a), (y, b) = ((m[:24], m[24]) for m in (means(log, np.where(s, group, -1), 25) for s in (first, ~first)))
        whole = means(log, group, 25)[:24]
        others = (whole.sum(axis=0) - whole) / 23
        said = {"no change": b + 0 * x, "train mean": others, "replicate": y}
        found.append([correlations(x - a, each - c, none).mean() for each in said.values() for c in (a, b)])
    nothing, _, mean, mean_split, replicate, replicate_split = np.mean(found, axis=0)
    # One draw of halves has a standard deviation of .04 for the first, .03 for means, .02 for the replicate.
    assert nothing == pytest.approx(0.216, abs=0.03)
    assert (mean, mean_split) == (pytest.approx(0.293, abs=0.025), pytest.approx(0.172, abs=0.025))
    assert (replicate, replicate_split) == (pytest.approx(0.511, abs=0.02), pytest.approx(0.380, abs=0.02))


def test_a_compound_does_in_one_lineage_what_it_does_in_others(at_hand):
    """In B cells the mean of other compounds has a Pearson of .52, the same compound in other lineages .42."""
    truth, _ = at_hand("response_op3")
    profiles = truth.profiles
    context = [truth.contexts.index(name) for name in profiles["context"]]
    effect = pd.DataFrame(truth.whole - truth.control_shown[context], profiles.index)
    inside = profiles["context"] == "B"
    elsewhere = effect[~inside].groupby(profiles["perturbation"]).mean()
    own = effect[inside]
    others = (own.sum() - own) / (len(own) - 1)
    same = elsewhere.loc[profiles.loc[own.index, "perturbation"]].to_numpy()
    none = np.zeros(own.shape, bool)
    assert correlations(own.to_numpy(), others.to_numpy(), none).mean() == pytest.approx(0.52, abs=0.02)
    assert correlations(own.to_numpy(), same, none).mean() == pytest.approx(0.42, abs=0.02)
