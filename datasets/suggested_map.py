"""The file in which proposed terms are corrected: YAML that `add-dataset --ontology-map` reads, with comments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import yaml

from scarena.base.counted import counted
from scarena.base.errors import DataError
from scarena.datasets.proposals import TRUSTED, Proposal, Suggestion

# A YAML file of more than 256 KiB is not read (`scarena.base.untrusted`).
_MOST_BYTES = 250_000
_AT_MOST = "delete other labels, or name a column with fewer"


def map_text(suggestions: Sequence[Suggestion], cells: Mapping[str, int], *, release: str, of: str) -> str:
    """Return the text of the map: a trusted term or null for each label, the other proposals as comments.

    Parameters
    ----------
    suggestions, cells
        What is proposed for each label, and how many cells have it.
    release
        Of the Cell Ontology.
    of
        Where the labels are from, to be said in the first line.

    Raises
    ------
    DataError
        If the labels are too many, or too long, for a file that can be read again.
    """
    head = [
        f"# Terms of the Cell Ontology {release} that scArena proposes for {of!a}: to be corrected by you.",
        "# Nothing is applied until you give this file to `scarena add-dataset` as --ontology-map.",
        f"# A term stands where its score is {TRUSTED} or more; it may still be wrong. null means no term: the",
        "# ontology metrics leave these cells out. Other proposals are comments: to choose one, put its id for null.",
    ]
    # So many labels are seldom cell types; what the file is for is kept longest.
    for others in (True, False):
        lines = [line for each in suggestions for line in _entry(each, cells[each.label], others=others)]
        text = "\n".join([*head, *lines, ""])
        if len(text.encode()) <= _MOST_BYTES:
            return text
    what = f"a map of these {len(suggestions):,} labels would have {len(text.encode()):,} bytes"
    raise DataError(what, where=of, fix=_AT_MOST)


def _entry(suggestion: Suggestion, n_cells: int, *, others: bool) -> Iterator[str]:
    chosen = suggestion.trusted
    pair = {suggestion.label: chosen.term if chosen else None}
    # The writer finds the quotes that a label needs; without a width its value stays on its line.
    entry = yaml.safe_dump(pair, allow_unicode=True, width=float("inf")).rstrip("\n")
    count = counted(n_cells, "cell")
    yield f"{entry}  # {count}; {_said(chosen) if chosen else suggestion.reason or 'no term is trusted'}"
    for each in suggestion.proposals if others else ():
        if each is not chosen:
            yield f"#   or {each.term}  {_said(each)}"


def _said(proposal: Proposal) -> str:
    # A line break in an ontology's text would end the comment.
    return " ".join(f"{proposal.name}: {proposal.evidence} ({proposal.score:.2f})".split())
