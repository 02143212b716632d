"""What a reader cites: DOIs and addresses as links, and the BibTeX entry of a board."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

from scarena.board.published import is_published

Json = dict[str, Any]
AUTHORS = "scArena authors"
_END = r"[^\s,;<>\"]*[^\s,;<>\".)]"
_ADDRESS = re.compile(rf"https://{_END}|doi(?::\s?|\s)10\.\d{{4,9}}/{_END}")
_SPECIAL = re.compile(r"([\\{}&%$#_~^])")
_WORDS = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def linked(text: str) -> Markup:
    """Return a text in which every DOI (``doi:10.…``, ``doi 10.…``) and every https address is a link."""
    parts, end = [], 0
    for found in _ADDRESS.finditer(text):
        parts += [escape(text[end : found.start()]), _link(found[0])]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def _link(text: str) -> Markup:
    url = text if text.startswith("https://") else "https://doi.org/" + text[4:].strip()
    return Markup('<a href="{}" rel="noreferrer">{}</a>').format(url, text)


def bibtex(board: Json) -> str:
    """Return the entry of a board: of those who measured it where others did, else of scArena in its version."""
    told = board["provenance"]
    if is_published(board):
        fields = {
            "author": told["measured_by"], "title": board["title"], "year": told["date"][:4],
            "howpublished": told["source"], "note": f"{told['citation']}. Version {told['version']}",
        }  # fmt: skip
    else:
        version = told["versions"].get("scarena", "")
        named = f"version {told['version']}" if told.get("version") else ""
        said = [
            named,
            f"scArena {version}" if version else "",
            f"commit {told['commits'][0]}" if told["commits"] else "",
        ]
        fields = {
            "author": AUTHORS,
            "title": board["title"],
            "year": told.get("date", "")[:4],
            "date": told.get("date", ""),
            "note": ", ".join(part for part in said if part),
        }
    lines = [f"  {key} = {{{_escaped(value)}}}" for key, value in fields.items() if value]
    return "@misc{" + f"scarena-{board['board']},\n" + ",\n".join(lines) + "\n}"


def dated(board: Json) -> str:
    """Return the version and the date of a board's results as its configuration gives them; empty without any."""
    told = board["provenance"]
    version = f"version {told['version']}" if told.get("version") else ""
    text = " of ".join(part for part in (version, told.get("date", "")) if part)
    return f"Results: {text}" if text else ""


def _escaped(text: str) -> str:
    """Return a text of which LaTeX takes no letter for a command."""
    return _SPECIAL.sub(lambda found: _WORDS.get(found[0], "\\" + found[0]), text)
