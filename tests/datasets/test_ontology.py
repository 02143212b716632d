"""The Cell Ontology, from the package and from an OBO file."""

import os
from pathlib import Path

import pytest

from scarena.base.errors import OntologyError
from scarena.datasets.ontology import CellOntology

OBO = """format-version: 1.2
data-version: releases/2020-01-01

[Term]
id: CL:0000001
name: one

[Term]
id: CL:0000002
name: two
alt_id: CL:0000009
is_a: CL:0000001
is_a: CL:0000002

[Term]
id: CL:0000003
name: other root

[Term]
id: CL:0000004
name: obsolete four
is_obsolete: true
replaced_by: CL:0000005

[Term]
id: CL:0000005
name: obsolete five
is_obsolete: true
replaced_by: CL:0000002

[Term]
id: CL:0000006
name: obsolete six
is_obsolete: true
replaced_by: CL:0000007

[Term]
id: CL:0000007
name: obsolete seven
is_obsolete: true
replaced_by: CL:0000006
"""


@pytest.fixture
def small(tmp_path):
    (tmp_path / "cl.obo").write_text(OBO)
    return CellOntology.load(str(tmp_path / "cl.obo"))


def test_self_loops_go_and_several_roots_stay(small):
    assert small.parents["CL:0000002"] == ("CL:0000001",)
    assert small.roots == ["CL:0000001", "CL:0000003"]
    assert small.release == "2020-01-01"


def test_obsolete_and_merged_ids_lead_to_the_current_term(small):
    assert small.resolve("CL:0000004") == "CL:0000002"
    assert small.resolve("CL:0000009") == "CL:0000002"


@pytest.mark.parametrize("term", ["CL:0000006", "CL:1234567", ""])
def test_a_circle_of_replacements_and_an_unknown_id_are_errors(small, term):
    with pytest.raises(OntologyError):
        small.resolve(term)


@pytest.mark.parametrize("text", ["", "<html></html>", "[Term]\nid: GO:1\nname: x\n"])
def test_a_file_that_is_no_ontology_is_refused(tmp_path, text):
    (tmp_path / "x.obo").write_text(text)
    with pytest.raises(OntologyError, match=r"x\.obo"):
        CellOntology.load(str(tmp_path / "x.obo"))


def test_the_package_holds_the_pinned_release():
    found = CellOntology.load()
    assert found.release == "v2026-03-26"
    assert found.names["CL:0000171"] == "pancreatic A cell"
    assert len(found.names) > 3000
    assert all(parent in found.names for above in found.parents.values() for parent in above)


@pytest.mark.skipif("SCARENA_MIRROR" not in os.environ, reason="needs a published OBO file: set SCARENA_MIRROR")
def test_a_published_obo_file_loads_with_all_its_terms():
    found = CellOntology.load(str(Path(os.environ["SCARENA_MIRROR"]) / "ontology" / "cl-basic.obo"))
    assert len(found.names) == 2535
    assert sum(map(len, found.parents.values())) == 3561


def test_a_bare_import_of_datasets_from_the_checkout_is_not_ours():
    import subprocess
    import sys

    root = Path(__file__).parents[2]
    code = "import importlib.util as u; s = u.find_spec('datasets'); print(s.origin if s else None)"
    said = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert str(root / "datasets") not in said
