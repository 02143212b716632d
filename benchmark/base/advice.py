"""What to do about a file that a step of a board left and that cannot be read.

Nobody is told to remove a file: what was given may be another than was meant, and somebody's own. Base layer: every
other package may import this module, and it imports none of them.
"""

from __future__ import annotations

from pathlib import Path


def made_again(path: Path, name: str, ends: str = "") -> str:
    """Return what to do about a file that is damaged, or none that was asked for.

    Parameters
    ----------
    path
        What was given.
    name
        What such a file is called on a board.
    ends
        The file beside it that its step writes last, by which the workflow knows the step; itself where not given.

    Examples
    --------
    >>> made_again(Path("results/b/d/reference.npz"), "reference.npz", "reference.json")
    '`scarena run --config … -- --forcerun results/b/d/reference.json` makes it again'
    >>> made_again(Path("my.h5ad"), "dataset.json")
    'give the dataset.json that a step of a board wrote, as in results/demo'
    """
    if path.name != name:
        return f"give the {name} that a step of a board wrote, as in results/demo"
    return f"`scarena run --config … -- --forcerun {path.with_name(ends or name)}` makes it again"
