"""DOIs and addresses are links and nothing else is; a board has a BibTeX entry."""

import re

import pytest

from scarena.report.html import render
from scarena.report.page.cite import bibtex, linked

A = '<a href="{}" rel="noreferrer">{}</a>'


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("doi:10.1038/nbt.4042", {"doi:10.1038/nbt.4042": "https://doi.org/10.1038/nbt.4042"}),
        ("Luecken 2025, doi 10.1038/s41587-025-02694-w.", {"doi 10.1038/s41587-025-02694-w": "https://doi.org/10.1038/s41587-025-02694-w"}),
        ("doi:10.1/x", {}),
        ("see https://a.org/b?c=1&d=2, doi:10.1126/y; z",
         {"https://a.org/b?c=1&d=2": "https://a.org/b?c=1&d=2", "doi:10.1126/y": "https://doi.org/10.1126/y"}),
        ("http://a.org javascript:alert(1)", {}),
    ],
)  # fmt: skip
def test_dois_and_addresses_are_links(text, links):
    found = re.findall(r'<a href="([^"]*)" rel="noreferrer">([^<]*)</a>', str(linked(text)))
    assert {told.replace("&amp;", "&"): url.replace("&amp;", "&") for url, told in found} == links
    assert re.sub("<[^>]*>", "", str(linked(text))).replace("&amp;", "&") == text


def test_markup_beside_and_in_an_address_stays_text():
    made = str(linked('<b>https://a.org/"><script>x</script>'))
    assert "<b>" not in made and "<script>" not in made


def test_a_board_has_an_entry_whose_fields_are_closed(board, tmp_path):
    board["title"] = "A {board} & 100 %"
    entry = bibtex(board)
    assert entry.startswith("@misc{scarena-b,") and r"A \{board\} \& 100 \%" in entry and "commit c" in entry
    bare = re.sub(r"\\.", "", entry)
    assert bare.count("{") == bare.count("}")
    assert "@misc{scarena-b," in render(board, tmp_path)


def test_a_board_that_others_measured_names_them(board):
    told = {
        "measured_by": "Others",
        "date": "2025-01-23",
        "source": "https://o.org",
        "citation": "O 2025",
        "version": "3",
    }
    board["provenance"] |= told
    assert "author = {Others}" in bibtex(board) and "year = {2025}" in bibtex(board)


def test_the_version_and_the_date_of_the_results_are_shown_and_cited(board, tmp_path):
    assert "Results: " not in render(board, tmp_path)
    board["provenance"] |= {"version": "1.2", "date": "2026-11-30"}
    entry = bibtex(board)
    assert "year = {2026}" in entry and "date = {2026-11-30}" in entry and "version 1.2" in entry
    page = render(board, tmp_path)
    assert "Results: version 1.2 of 2026-11-30." in page and page == render(board, tmp_path)
