"""Every difference that docs/library-differences.md claims is there: its examples are run, each in a namespace."""

import re
import warnings
from pathlib import Path

import pytest

from scarena.metrics.neighbors import scib_library

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "library-differences.md"
# One process: what the library compiles for one example serves the next.
pytestmark = pytest.mark.xdist_group("library_differences")


def examples():
    """Return (heading, line that it is on, code) of each python block."""
    text, found, heading = PAGE.read_text("utf-8"), [], ""
    for match in re.finditer(r"^### ([^\n]+)$|^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if match[1] is not None:
            heading = match[1]
        else:
            found.append((heading, text.count("\n", 0, match.start(2)), match[2]))
    return found


EXAMPLES = examples()


@pytest.mark.parametrize(("line", "code"), [each[1:] for each in EXAMPLES], ids=[each[0] for each in EXAMPLES])
def test_the_example_shows_what_the_page_says(line, code):
    scib_library()
    with warnings.catch_warnings():
        # Theirs warn as they like; what they return is what is looked at.
        warnings.simplefilter("ignore")
        exec(compile("\n" * line + code, str(PAGE), "exec"), {"__name__": "example"})


def test_every_section_of_a_difference_has_an_example_that_ends_in_an_assertion():
    text = PAGE.read_text("utf-8")
    headings = [match[1] for match in re.finditer(r"^### (.+)$", text, re.MULTILINE)]
    assert headings == [heading for heading, _, _ in EXAMPLES] and len(headings) > 15
    assert all(code.rstrip().splitlines()[-1].lstrip().startswith("assert ") for _, _, code in EXAMPLES)


def test_the_tests_that_the_page_points_to_are_there():
    table = PAGE.read_text("utf-8").split("## What agrees")[1].split("\n## ")[0]
    named = set(re.findall(r"(test_\w+\.py)", table))
    assert named and all((ROOT / "tests" / "metrics" / name).is_file() for name in named)
