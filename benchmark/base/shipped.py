"""Files that come with scArena by the path that they have in a clone: configurations of boards and profiles.

Whoever installed a package has no clone to run from, and still types ``config/demo.yaml``.
"""

from __future__ import annotations

from pathlib import Path

from scarena import WORKFLOW


def shipped(path: Path) -> Path:
    """Return a path as it is where there is something; else that of the file of this name that comes with scArena.

    A path that is neither here nor there is returned as it is, so that errors name what was asked for.

    Examples
    --------
    >>> shipped(Path("config/demo.yaml")).name, shipped(Path("config/none.yaml")).as_posix()
    ('demo.yaml', 'config/none.yaml')
    """
    if path.is_absolute() or ".." in path.parts or path.exists():
        return path
    inside = WORKFLOW / path
    return inside if inside.exists() else path
