"""The docs site: the Markdown pages of this folder, the reference boards, and the API from its docstrings.

Sphinx, because only it makes an API reference from numpydoc docstrings and checks every link between pages; MyST,
because the pages are to read well on GitHub as they are; furo, because it is kept up and needs no settings.
`docs/site.md` says what `make docs` checks.
"""

import os
import re
import shutil
import sys
from pathlib import Path

from scarena import __version__

ROOT = Path(__file__).resolve().parent.parent

project = "scArena"
author = "the scArena authors"
copyright = author
release = version = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build", "example-plugin", "tutorials/ipython"]
source_suffix = {".md": "myst-nb", ".rst": "restructuredtext"}

# The tutorials are run anew, each in a folder of its own, with the `scarena` of this Python. A cell that fails ends it.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
os.environ["IPYTHONDIR"] = str(Path(__file__).resolve().parent / "tutorials" / "ipython")
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 900
nb_merge_streams = True

# What is typed is what is shown: `--` is an option, not a dash.
smartquotes = False
# Links to headings are those that GitHub makes.
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "exclude-members": "model_config", "show-inheritance": True}
napoleon_google_docstring = False
napoleon_use_rtype = False
# The signature has the types already.
napoleon_attr_annotations = False
# Words of the code in backticks are code, not references.
default_role = "code"

html_theme = "furo"
html_title = "scArena"
html_static_path = []

# Publishers turn robots away, and a DOI that is moved is no broken link.
linkcheck_ignore = [r"https://doi\.org/", r"https://pypi\.org/", r"http://localhost"]
linkcheck_allow_unauthorized = True
linkcheck_anchors = False
linkcheck_timeout = 20


def _copy_pages(app, exception):
    """Put each reference board's own page beside the page of the site that links to it."""
    if exception is not None or app.builder.name != "html":
        return
    for page in sorted(ROOT.glob("results/reference/*/board.html")):
        place = Path(app.outdir) / "boards" / page.parent.name
        place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(page, place / "board.html")


_PAGE = re.compile(r"\[([^]]*)\]\((?:\.\./)+results/reference/([\w-]+)/board\.html\)")
_SUMMARY = re.compile(r"\]\((\.\./)+results/reference/([\w-]+)/board\.md\)")


def _in_site(app, docname, source):
    """Turn links to the boards' files, which are right on GitHub, into links to what the site has of them."""
    up = "../" * docname.count("/")
    text = _PAGE.sub(rf'<a href="{up}boards/\2/board.html">\1</a>', source[0])
    source[0] = _SUMMARY.sub(rf"]({up}boards/\2.md)", text)


def _whole(app, what, name, obj, options, lines):
    """Keep napoleon from taking what stands before a colon in the first line of an attribute's text for its type."""
    if what in ("attribute", "data", "property"):
        # A comment, which shows nothing.
        lines[:0] = ["..", ""]


def setup(app):
    """Register what this site does beyond Sphinx's own."""
    app.connect("build-finished", _copy_pages)
    app.connect("source-read", _in_site)
    app.connect("autodoc-process-docstring", _whole, priority=100)
