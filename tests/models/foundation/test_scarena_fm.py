"""The shipped checkpoints are what their manifests say, have seen no benchmark set, and embed reproducibly."""

import json
import math

import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import ModelError, NotApplicable
from scarena.base.files import sha256_of
from scarena.datasets.card import card_names, load_card
from scarena.models.base import Context
from scarena.models.embedding import check_embedding
from scarena.models.foundation.checkpoint import SHIPPED, STUDENT, load, read_genes, read_manifest
from scarena.models.foundation.corpus.fingerprints import read_fingerprints
from scarena.models.foundation.gene_features import PROTEIN_ATLAS
from scarena.models.registry import find_model

FROZEN = {"scarena-fm": SHIPPED, "scarena-fm-student": STUDENT}
NAMES = [*FROZEN, "scarena-fm-random"]
FOLDERS = list(FROZEN.values())


def embedded(name, data, seed=0):
    return check_embedding(find_model(name)().embed(data.copy(), Context(seed=seed)), data.n_obs, name)


@pytest.fixture
def human(cells):
    """The small set of cells, under names of genes the models know."""
    genes = sorted(set(read_genes(SHIPPED)) & set(read_genes(STUDENT)))
    cells.var_names = [genes[i] for i in np.random.default_rng(0).permutation(len(genes))[: cells.n_vars]]
    return cells


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_the_weights_are_those_of_the_manifest_and_small_enough_to_ship(folder):
    parts = read_manifest(folder)["weights_sha256"]
    assert {path.name for path in folder.glob("*.safetensors")} == set(parts)
    assert all(sha256_of(folder / name) == expected for name, expected in parts.items())
    assert all(path.stat().st_size <= 16 * 2**20 for path in folder.iterdir())
    assert sum(value.numel() for value in load(folder).parameters()) == read_manifest(folder)["parameters"]


def test_the_cards_state_what_the_manifests_do():
    for name, folder in FROZEN.items():
        card, manifest = find_model(name).card, read_manifest(folder)
        assert card.parameters == manifest["parameters"]
        # A set's card has its studies; of an atlas there is none, so that they are named one by one.
        studies = [study for row in manifest["corpus"] if row["kind"] == "atlas" for study in row["study"]]
        assert list(card.training_corpus) == [*(row["dataset"] for row in manifest["corpus"]), *studies]
        assert len(studies) > 50
        assert not (card.uses_batch or card.uses_labels or card.trains_on_target)
    twin, adapted = (find_model(f"scarena-fm-{each}").card for each in ("random", "adapted"))
    assert (twin.training_corpus, twin.parameters) == ((), 0)
    assert adapted.trains_on_target
    assert adapted.uses_batch
    assert not adapted.uses_labels


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_the_corpus_shares_no_card_no_study_and_no_file_with_any_set_that_is_scored(folder):
    corpus = read_manifest(folder)["corpus"]
    names = {row["dataset"] for row in corpus}
    studies = {study for row in corpus for study in row["study"]} | set(PROTEIN_ATLAS.study)
    files = {file["sha256"] for row in corpus for file in row["files"]}
    for name in card_names():
        card = load_card(name)
        if card.role == "smoke" and studies & set(card.study):
            # Never for a board, and its notes say so.
            assert any(row["dataset"] in card.notes for row in corpus if set(row["study"]) & set(card.study)), name
        elif card.role != "pretraining":
            assert name not in names
            assert not studies & set(card.study), name
            assert not files & {file.sha256 for file in card.files}, name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_the_corpus_is_the_cards_of_today(folder):
    rows = read_manifest(folder)["corpus"]
    assert [row["kind"] for row in rows] == ["card"] * (len(rows) - 1) + ["atlas"]
    for row in rows[:-1]:
        card = load_card(row["dataset"])
        assert card.role == "pretraining"
        assert set(row["study"]) == set(card.study)
    assert read_fingerprints(folder).n_cells == sum(row["cells"] for row in rows)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_the_model_decodes_better_than_itself_without_looking_at_the_cell(folder):
    manifest = read_manifest(folder)
    assert manifest["validation"]["unseen"] < manifest["validation_without_cells"]["unseen"]
    lines = [json.loads(line) for line in (folder / "losses.jsonl").read_text().splitlines()]
    steps = manifest["config"]["engine"]["steps"]
    assert max(line["step"] for line in lines) == steps == manifest["report"]["steps"]
    checked = [line["validation"] for line in lines if "validation" in line]
    assert checked[-1] == manifest["validation"]
    assert checked[-1]["unseen"] < checked[0]["unseen"]
    assert all(math.isfinite(value) for losses in checked for value in losses.values())


def test_the_card_of_the_adapted_model_says_how_often_it_sees_a_cell():
    from scarena.models.scarena_fm import adapting

    for end in ("", "-harmony"):
        said = find_model(f"scarena-fm-adapted{end}").card.settings
        assert (said["passes"], said["most_steps"]) == (adapting(STUDENT).passes, adapting(STUDENT).most_steps)


def test_the_work_of_adapting_grows_with_the_cells_until_the_steps_are_all_taken():
    model = find_model("scarena-fm-adapted")
    few, more, many, most = (model.work(cells, 100) / 100 for cells in (192, 1920, 19_200, 192_000))
    assert few == 192 + 3 * 2 * 192
    assert more == 10 * few
    assert many == 10 * more
    assert most == 192_000 + 3 * 200 * 192


@pytest.fixture
def short(monkeypatch):
    """Adaptation of a few steps, for batches of some cells."""
    from scarena.models.foundation import adapt

    config = adapt.AdaptConfig(steps=3, smallest_batch=8)
    monkeypatch.setattr(adapt, "AdaptConfig", lambda **given: config)


def test_adaptation_is_reproducible_changes_the_vectors_and_wants_some_cells(human, short):
    human.obs["batch"] = np.where(np.arange(human.n_obs) % 2, "a", "b")
    first, again = (embedded("scarena-fm-adapted", human) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, embedded("scarena-fm-student", human), atol=1e-3)
    with pytest.raises(NotApplicable, match="7 cells; adapting takes 8"):
        embedded("scarena-fm-adapted", human[:7])


def test_the_run_says_what_the_guard_decided(human, short):
    notes = []
    find_model("scarena-fm-adapted")().embed(human.copy(), Context(notes=notes))
    assert len(notes) == 1 and notes[0].startswith("signal share ")


def test_harmony_moves_the_adapted_vectors_of_batches_that_are_large_enough(human, short):
    batch = np.where(np.arange(human.n_obs) % 2, "a", "b")
    human.obs["batch"] = batch
    plain, moved = (embedded(f"scarena-fm-adapted{end}", human) for end in ("", "-harmony"))
    gap, less = (np.linalg.norm(z[batch == "a"].mean(axis=0) - z[batch == "b"].mean(axis=0)) for z in (plain, moved))
    assert less < gap
    human.obs["batch"] = [f"b{i}" for i in range(human.n_obs)]
    plain, centred = (embedded(f"scarena-fm-adapted{end}", human) for end in ("", "-harmony"))
    np.testing.assert_allclose(centred, plain - plain.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_two_runs_are_equal(name, human):
    np.testing.assert_array_equal(embedded(name, human), embedded(name, human))


def test_the_twin_depends_on_the_seed_and_the_model_does_not(human):
    assert np.array_equal(embedded("scarena-fm", human, 0), embedded("scarena-fm", human, 1))
    assert not np.allclose(embedded("scarena-fm-random", human, 0), embedded("scarena-fm-random", human, 1))


def test_the_twin_is_not_the_model(human):
    trained, twin = (embedded(name, human) for name in ("scarena-fm", "scarena-fm-random"))
    assert trained.shape == twin.shape
    assert not np.allclose(trained, twin, atol=1e-2)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_cells_and_genes_does_not_matter(name, human):
    rng = np.random.default_rng(1)
    rows, columns = rng.permutation(human.n_obs), rng.permutation(human.n_vars)
    mixed = embedded(name, human[rows][:, columns].copy())
    np.testing.assert_allclose(mixed, embedded(name, human)[rows], atol=1e-5)


def test_labels_and_batches_are_not_looked_at(human):
    bare = AnnData(human.X.copy(), var=human.var[[]])
    np.testing.assert_array_equal(embedded("scarena-fm", bare), embedded("scarena-fm", human))


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_cell_and_unknown_genes_are_no_error(name, human):
    human.X.data[: human.X.indptr[1]] = 0
    human.X.eliminate_zeros()
    human.var_names = [f"unknown{i}" if i % 2 else gene for i, gene in enumerate(human.var_names)]
    assert np.isfinite(embedded(name, human)).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_set_without_a_known_gene_is_refused(name, cells):
    cells.var_names = [f"unknown{i}" for i in range(cells.n_vars)]
    with pytest.raises(ModelError, match="no gene in common"):
        find_model(name)().embed(cells, Context())


def test_one_cell_with_one_known_gene_is_enough():
    data = AnnData(csr_matrix(np.array([[3]], dtype=np.int32)))
    data.var_names = read_genes()[:1]
    assert embedded("scarena-fm", data).shape == (1, load().config.embedding)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_types_of_the_atlas_come_with_the_weights_and_name_cells_made_of_them(folder):
    from scarena.models.foundation.atlas_types import read_types

    types, model = read_types(folder), load(folder)
    assert types.unit_PZ.shape[1] == model.config.embedding
    assert len(types.unit_PZ) > 1000
    assert all(term.startswith("CL:") for term in types.words["term"])
    assert (np.diff(types.least_K) > -0.02).all() and 0 < types.least_K[0] < types.least_K[-1] < 1


def test_most_of_a_cells_length_is_of_genes_that_tell_types_apart(cache):
    """Ribosomal, mitochondrial and housekeeping genes weigh next to nothing, markers much."""
    from scarena.datasets.genes import gene_table
    from scarena.models.foundation.weighted import weights_in

    ids = gene_table(cache=cache).symbol_to_id
    for folder in FOLDERS:
        genes, weights = weights_in(folder)
        of = dict(zip(genes, weights, strict=True))
        dull, telling = (
            [of[ids[symbol]] for symbol in names]
            for names in (
                ("RPL10", "RPS6", "MT-CO1", "ACTB", "GAPDH", "EEF1A1"),
                ("GCG", "INS", "CD79A", "ALB", "NKG7"),
            )
        )
        assert max(dull) < 0.5 * min(telling), folder.name
