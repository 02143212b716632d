"""LCAD against a brute-force search with networkx, and the same in every process."""

import os
import subprocess
import sys
import time

import networkx as nx
import numpy as np
import pytest

from scarena.base.errors import DataError, OntologyError
from scarena.metrics.lcad import lca_distances, lcad
from scarena.metrics.scores import NOT_APPLICABLE

# "x" and "y" have two lowest common ancestors, p (near x) and q (near y); "other" is a root of its own.
TWO = {"root": [], "p": ["root"], "q": ["root"], "m": ["q"], "x": ["p", "m"], "y": ["q", "n"], "n": ["p"], "other": []}


def random_dag(seed, n=40):
    rng = np.random.default_rng(seed)
    names = [f"t{i}" for i in range(n)]
    return {
        name: sorted({names[j] for j in rng.integers(0, i, rng.integers(0, 4))}) if i > 1 else []
        for i, name in enumerate(names)
    }


def brute_force(parents, truth, predicted):
    """Return nearest, farthest and symmetric distance and the number of lowest common ancestors, by definition."""
    graph = nx.DiGraph([(above, child) for child, all_above in parents.items() for above in all_above])
    graph.add_nodes_from(parents)
    common = (nx.ancestors(graph, truth) | {truth}) & (nx.ancestors(graph, predicted) | {predicted})
    lowest = [a for a in common if not nx.descendants(graph, a) & common]
    if not lowest:
        return np.nan, np.nan, np.nan, 0
    down = {a: nx.single_source_shortest_path_length(graph, a) for a in lowest}
    own = [down[a][truth] for a in lowest]
    return min(own), max(own), min(down[a][truth] + down[a][predicted] for a in lowest), len(lowest)


def agrees(parents, terms):
    table = lca_distances(parents, terms)
    for i, truth in enumerate(terms):
        for j, predicted in enumerate(terms):
            found = [t[i, j] for t in (table.directed, table.directed_max, table.symmetric, table.n_lowest)]
            assert found == pytest.approx(brute_force(parents, truth, predicted), nan_ok=True), (truth, predicted)


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_brute_force_on_random_dags(seed):
    parents = random_dag(seed)
    agrees(parents, sorted(parents)[::2])


def test_agrees_with_brute_force_on_the_cell_ontology(cell_ontology, cell_types):
    agrees(cell_ontology, sorted(np.random.default_rng(0).choice(cell_types, 10, replace=False)))


def test_two_lowest_common_ancestors_give_the_nearest_and_the_bounds_of_the_published_form():
    table = lca_distances(TWO, ["x", "y"])
    assert table.n_lowest[0, 1] == 2
    assert (table.directed[0, 1], table.directed_max[0, 1], table.symmetric[0, 1]) == (1, 2, 3)
    assert table.multi_share == 1.0


def test_a_descendant_is_at_distance_zero_directed_but_not_symmetric():
    table = lca_distances(TWO, ["p", "x"])
    assert (table.directed[0, 1], table.directed[1, 0], table.symmetric[0, 1]) == (0, 1, 1)


def test_scores_are_means_over_errors_and_over_all():
    table = lca_distances(TWO, ["x", "y", "p"])
    found = lcad(["x", "x", "y", "p"], ["x", "y", "p", "p"], table)
    assert found["lcad"].value == pytest.approx((1 + 2) / 2)
    assert found["lcad_symmetric"].value == pytest.approx((3 + 2) / 2)
    assert found["lcad_all"].value == pytest.approx(3 / 4)
    assert found["lcad_symmetric_all"].value == pytest.approx(5 / 4)
    assert found["lcad_errors"].value == 2
    assert found["lcad_multi_share"].value == pytest.approx(1 / 3)
    assert found["lcad_published_max"].value == pytest.approx((2 + 2) / 2)


def test_no_errors_is_no_mean_over_errors_but_zero_over_all():
    found = lcad(["x", "y"], ["x", "y"], lca_distances(TWO, ["x", "y"]))
    assert (found["lcad"].state, found["lcad"].reason) == (NOT_APPLICABLE, "no errors")
    assert found["lcad_all"].value == found["lcad_symmetric_all"].value == found["lcad_errors"].value == 0.0


def test_terms_without_a_common_ancestor_are_counted_not_averaged():
    table = lca_distances(TWO, ["other", "x", "y"])
    assert np.isnan(table.directed[0, 1])
    found = lcad(["other", "x"], ["x", "y"], table)
    assert (found["lcad"].value, found["lcad"].reason) == (1.0, "1 cells without a common ancestor left out")
    assert lcad(["other"], ["x"], table)["lcad"].state == NOT_APPLICABLE


def test_all_pairs_of_two_hundred_labels_take_a_moment(cell_ontology, cell_types):
    terms = sorted(np.random.default_rng(0).choice(cell_types, 200, replace=False))
    start = time.perf_counter()
    table = lca_distances(cell_ontology, terms)
    assert time.perf_counter() - start < 2.0  # 0.1 s on an idle core
    assert (table.symmetric == table.symmetric.T).all()
    assert (np.diag(table.symmetric) == 0).all()
    assert 0.01 < table.multi_share < 0.2


def test_the_result_does_not_depend_on_the_hash_seed():
    code = (
        "import numpy as np; from scarena.metrics.lcad import lca_distances\n"
        f"t = lca_distances({random_dag(1)!r}, {sorted(random_dag(1))!r})\n"
        "print(np.nan_to_num(t.directed, nan=-1).tolist(), np.nan_to_num(t.symmetric, nan=-1).tolist(), t.multi_share)"
    )
    outputs = set()
    for seed in range(5):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        outputs.add(run.stdout)
    assert len(outputs) == 1


def test_self_loops_are_ignored_and_cycles_are_an_error():
    assert lca_distances({"a": ["a"], "b": ["a", "b"]}, ["a", "b"]).symmetric[0, 1] == 1
    with pytest.raises(OntologyError, match="own ancestor"):
        lca_distances({"a": ["b"], "b": ["a"]}, ["a", "b"])


def test_unknown_terms_and_lengths_are_errors():
    with pytest.raises(OntologyError, match="unknown term 'z'"):
        lca_distances(TWO, ["z"])
    table = lca_distances(TWO, ["x", "y"])
    with pytest.raises(OntologyError, match="not in the table: p"):
        lcad(["x"], ["p"], table)
    with pytest.raises(DataError, match="lcad"):
        lcad(["x", "y"], ["x"], table)
