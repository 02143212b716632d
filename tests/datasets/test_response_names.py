"""What labels of perturbations name: genes by their pinned symbol, in one order, whatever a file calls them."""

import pytest

from scarena.datasets.genes import GeneTable
from scarena.datasets.response_names import perturbations
from scarena.datasets.response_rule import ResponseRule

TABLE = GeneTable({"STAT1": "ENSG00000000001", "JAK2": "ENSG00000000002"}, {
    "ENSG00000000001": "STAT1", "ENSG00000000002": "JAK2",
})  # fmt: skip


def named(labels, control="ctrl", **rule):
    return perturbations(labels, ResponseRule(setting="gene", **rule), TABLE, control)


def test_pairs_have_one_name_in_either_order_and_a_part_that_is_the_control_is_none():
    found = named(["STAT1+JAK2", "JAK2+STAT1", "STAT1+ctrl", "STAT1", "ENSG00000000001"], separator="+")
    assert found.name_of == {
        "STAT1+JAK2": "JAK2+STAT1", "JAK2+STAT1": "JAK2+STAT1", "STAT1+ctrl": "STAT1", "STAT1": "STAT1",
        "ENSG00000000001": "STAT1",
    }  # fmt: skip
    assert found.targets_of == {"JAK2+STAT1": "ENSG00000000001+ENSG00000000002", "STAT1": "ENSG00000000001"}
    assert any("3 labels name what another does" in note for note in found.notes)


def test_guides_of_a_gene_are_one_perturbation_and_former_names_are_mapped():
    found = named(["STAT1_g1", "STAT1_g2", "OLD_g1", "plain"], pattern=r"(.+)_g\d", names={"OLD": "JAK2"})
    assert found.name_of == {"STAT1_g1": "STAT1", "STAT1_g2": "STAT1", "OLD_g1": "JAK2", "plain": "plain"}


def test_a_gene_that_is_not_known_has_no_target_and_is_said():
    found = named(["STAT1+NOBODY", "NOBODY"], separator="+")
    assert found.targets_of == {"NOBODY+STAT1": "", "NOBODY": ""}
    assert found.notes == ("1 perturbed genes are not known by these names: NOBODY",)


def test_compounds_have_no_targets_whatever_they_are_called():
    found = named(["STAT1", "(+)-JQ1"], of="compounds", separator="+", names={"STAT1": "drug"})
    assert found.name_of == {"STAT1": "drug", "(+)-JQ1": "(+)-JQ1"} and set(found.targets_of.values()) == {""}
    assert not found.notes


@pytest.mark.parametrize("pattern", ["(", "STAT1", "(a)(b)"])
def test_a_pattern_without_its_one_group_is_refused(pattern):
    with pytest.raises(ValueError, match="one group"):
        ResponseRule(setting="gene", pattern=pattern)
