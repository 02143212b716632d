"""The texts of the ontology: whose they are, of which scope, and what becomes of those of obsolete terms."""

import pytest

from scarena.datasets.vocabulary import Text, Vocabulary

OBO = r"""format-version: 1.2
data-version: releases/2020-01-01

[Term]
id: CL:0000000
name: cell

[Term]
id: CL:0000001
name: one cell
def: "A cell that is CD10-positive, CD20+ and CD30-negative." []
synonym: "uno \"1\"" EXACT [PMID:1]
synonym: "wide one" BROAD abbreviation []
synonym: "slim one" NARROW []
synonym: "akin to one" RELATED []
synonym: "no scope here" []
is_a: CL:0000000

[Term]
id: CL:0000002
name: obsolete two
synonym: "duo" EXACT []
is_obsolete: true
replaced_by: CL:0000001

[Term]
id: CL:0000003
name: obsolete three
synonym: "tre" EXACT []
is_obsolete: true

[Term]
id: CL:0000004
name: four cell (Mmus)
is_a: CL:0000001
"""


@pytest.fixture
def small(tmp_path):
    (tmp_path / "cl.obo").write_text(OBO)
    return Vocabulary.load(str(tmp_path / "cl.obo"))


def test_an_obo_file_gives_every_scope(small):
    own = {text.text: text.scope for text in small.texts if text.term == "CL:0000001" and not text.obsolete}
    assert own == {
        "one cell": "label", 'uno "1"': "exact", "wide one": "broad", "slim one": "narrow", "akin to one": "related",
    }  # fmt: skip


def test_texts_of_an_obsolete_term_count_for_what_replaced_it_and_others_for_nothing(small):
    taken = [text for text in small.texts if text.obsolete]
    assert taken == [
        Text("two", "CL:0000001", "label", "CL:0000002"),
        Text("duo", "CL:0000001", "exact", "CL:0000002"),
    ]
    assert not any("tre" in text.text for text in small.texts)


def test_definitions_say_which_molecules_a_term_has_and_names_say_the_species(small):
    assert small.markers == {"CL:0000001": frozenset({"cd10", "cd20"})}
    assert small.other_species == {"CL:0000004"}
    assert small.above["CL:0000004"] == {"CL:0000000", "CL:0000001"}


def test_the_package_gives_labels_and_exact_synonyms_of_current_terms():
    found = Vocabulary.load()
    assert {text.scope for text in found.texts} == {"label", "exact"}
    assert {text.term for text in found.texts} == set(found.ontology.names)
    assert Text("NK cell", "CL:0000623", "exact") in found.texts
