"""The rivals that know what genes are worth, and no network; the student with its weights dealt out to other genes."""

import numpy as np
import pytest

from scarena.base.errors import ModelError
from scarena.models.base import Context
from scarena.models.embedding import check_embedding
from scarena.models.foundation.checkpoint import STUDENT, read_genes
from scarena.models.foundation.weighted import weights_in
from scarena.models.registry import find_model

NAMES = ["atlas-pca", "atlas-harmony", "atlas-within", "atlas-random", "scarena-fm-reliable", "scarena-fm-shuffled"]
FITTED = NAMES[:3]


def embedded(name, data, seed=0, **more):
    model = find_model(name)
    return check_embedding(model().embed(data.copy(), Context(seed=seed, **more)), data.n_obs, name)


@pytest.fixture
def human(cells):
    """The small set of cells, under names of genes that weigh something."""
    genes, weights = weights_in(STUDENT)
    heaviest = [genes[place] for place in np.argsort(-weights)[: cells.n_vars]]
    cells.var_names = [heaviest[place] for place in np.random.default_rng(0).permutation(cells.n_vars)]
    return cells


@pytest.mark.parametrize("name", NAMES)
def test_two_runs_are_equal_the_input_is_left_alone_and_labels_are_not_looked_at(name, human):
    before = human.copy()
    first = embedded(name, human)
    assert (human.X != before.X).nnz == 0
    human.obs["cell_type"] = "one"
    np.testing.assert_array_equal(first, embedded(name, human))


@pytest.mark.parametrize("name", NAMES)
def test_one_batch_and_an_empty_cell_are_no_error_and_unknown_genes_are(name, human):
    human.obs["batch"] = "one"
    human.X.data[: human.X.indptr[1]] = 0
    human.X.eliminate_zeros()
    assert np.isfinite(embedded(name, human)).all()
    human.var_names = [f"ENSMUSG{i:011d}" for i in range(human.n_vars)]
    with pytest.raises(ModelError):
        embedded(name, human)


def gap(z, batch):
    first = batch == sorted(set(batch))[0]
    return np.linalg.norm(z[first].mean(axis=0) - z[~first].mean(axis=0)) / np.sqrt(z.var(axis=0).sum())


def test_batches_come_closer_by_harmony_and_in_closed_form(human):
    batch = human.obs["batch"].astype(str).to_numpy()
    plain, harmony, within = (gap(embedded(name, human), batch) for name in FITTED)
    assert harmony < 0.7 * plain and within < 0.7 * plain


def test_what_begins_with_the_components_uses_those_it_is_given(human):
    pcs = embedded("atlas-pca", human)
    assert pcs.shape[1] == 50
    for name in ("atlas-harmony", "atlas-within"):
        assert find_model(name).starts_from == "atlas-pca"
        np.testing.assert_allclose(embedded(name, human, begun=pcs), embedded(name, human), atol=1e-4)


def test_directions_are_drawn_by_the_seed_and_a_gene_has_its_own_whatever_else_is_measured(human):
    first = embedded("atlas-random", human)
    assert not np.allclose(first, embedded("atlas-random", human, seed=1), atol=1e-2)
    order = np.random.default_rng(1).permutation(human.n_vars)
    np.testing.assert_allclose(embedded("atlas-random", human[:, order].copy()), first, atol=1e-3)


def test_the_reliable_components_say_what_the_guard_decided(human):
    notes = []
    embedded("scarena-fm-reliable", human, notes=notes)
    assert len(notes) == 1 and notes[0].startswith("signal share ")


def test_the_shuffled_student_is_another_by_the_seed_and_not_the_student(human):
    spoilt, student = embedded("scarena-fm-shuffled", human), embedded("scarena-fm-student", human)
    assert spoilt.shape == student.shape
    assert not np.allclose(spoilt, student, atol=1e-2)
    assert not np.allclose(spoilt, embedded("scarena-fm-shuffled", human, seed=1), atol=1e-2)


def test_their_cards_name_what_the_weights_were_learned_from():
    student = find_model("scarena-fm-student").card
    for name in NAMES:
        card = find_model(name).card
        assert card.training_corpus == student.training_corpus
        assert card.settings["weights_sha256"] == student.settings["weights_sha256"]
        assert card.uses_batch is (name in ("atlas-harmony", "atlas-within", "scarena-fm-reliable"))
    assert len(read_genes(STUDENT)) > 20_000
