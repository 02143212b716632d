"""The pages of docs: each is on the site, the command line's is what the code prints, and links lead somewhere."""

import re
import runpy
from collections import Counter
from pathlib import Path

import pytest

from scarena.cli.cli_docs import markdown

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CHECKS = runpy.run_path(str(DOCS / "check_blocks.py"))
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]*)\)")
OUTSIDE = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "results/README.md")),
    *ROOT.glob(".github/**/*.md"), ROOT / "config/README.md",
]  # fmt: skip
"""Files with links that the site's builder does not see."""


def pages():
    """Return every page of docs by its name on the site."""
    found = [page for suffix in ("md", "rst") for page in DOCS.rglob(f"*.{suffix}") if "_build" not in page.parts]
    return {page.relative_to(DOCS).with_suffix("").as_posix() for page in found if "example-plugin" not in page.parts}


def listed(page="index"):
    """Return what the tables of contents of a page name, and of the pages below it."""
    source = next(DOCS / f"{page}.{suffix}" for suffix in ("md", "rst") if (DOCS / f"{page}.{suffix}").exists())
    tables = re.findall(r"^```\{toctree\}\n(.*?)^```", source.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    entries = [line for table in tables for line in table.splitlines() if line and not line.startswith(":")]
    # An entry may have a title of its own: title <page>.
    names = [(Path(page).parent / entry.rpartition("<")[2].rstrip(">")).as_posix() for entry in entries]
    return [page, *(below for name in names for below in listed(name))]


def anchors(page):
    """Return the headings of a page as GitHub makes links of them."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_page_is_in_one_table_of_contents():
    assert len(listed()) > 30
    assert Counter(listed()) == Counter(pages())


def test_the_page_of_the_command_line_is_what_the_code_prints():
    assert markdown() == (DOCS / "cli.md").read_text(encoding="utf-8"), "see scarena/cli/cli_docs.py"


@pytest.mark.parametrize("room", ["metrics", "testing"])
def test_every_public_name_is_in_the_reference(room):
    import importlib

    text = (DOCS / f"api/{room}.rst").read_text(encoding="utf-8")
    named = set(re.findall(r"^\.\. (?:auto\w+|data):: (\w+)$", text, re.MULTILINE))
    assert set(importlib.import_module(f"scarena.{room}").__all__) == named


@pytest.mark.parametrize("page", OUTSIDE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_of_files_outside_the_site_lead_somewhere(page):
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {link}"


@pytest.mark.parametrize("page", CHECKS["pages"](), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_blocks_of_code_are_code(page):
    assert list(CHECKS["check"](page, Counter(), run=False)) == []


def test_a_block_that_fails_or_prints_something_else_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- run -->\n```sh\necho one\n```\n\n<!-- output -->\n```text\none\n```\n"
        "<!-- run -->\n```sh\necho two\n```\n<!-- output -->\n```text\none\n```\n"
        "<!-- run -->\n```sh\nfalse\n```\n```python\ndef :\n```\n````md\n```python\nno code\n```\n````\n"
    )
    counts = Counter()
    wrong = list(CHECKS["check"](page, counts, run=True))
    assert [each.partition(": ")[0] for each in wrong] == [f"{page}:{line}" for line in (15, 19, 22)]
    assert "-one\n+two" in wrong[0] and "exit code 1" in wrong[1]
    assert counts == {"sh run": 3, "compared": 2, "python parsed": 1, "left": 1}
