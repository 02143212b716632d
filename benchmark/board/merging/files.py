"""`scarena merge`: finished boards read from their folders, and one board of them written.

The runs stay where they are: the new folder has links to them, for the page, and for merging it again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from scarena.base.advice import made_again
from scarena.base.errors import ConfigError, DataError
from scarena.base.files import sha256_of
from scarena.base.untrusted import read_arrays, read_object
from scarena.board.file import read_board, read_scores
from scarena.board.kept import read_kept
from scarena.board.make import write_board
from scarena.board.merging.boards import Json, Merged, merge
from scarena.board.merging.union import Part, unequal
from scarena.board.samples import Replicates, run_of
from scarena.tasks.replicates import read_replicates

_CELLS, _UMAPS = "dataset.h5ad", "umaps.npz"
_OTHER = "name another folder with --out"


def read_part(place: Path) -> Part:
    """Return a board to be merged, by its folder or, without its runs, by its board.json.

    Raises
    ------
    DataError
        If there is none, or one of its runs is not the one that it has the scores of.
    """
    path = place / "board.json" if place.is_dir() else place
    board = read_board(path)

    cells = {run_of(cell): cell for cell in board["cells"]}
    kept = read_kept(path.with_suffix(".npz"), board)

    @cache
    def replicates(dataset: str, model: str, seed: int) -> Replicates:
        run = place / dataset / model / str(seed)
        if run.is_symlink() and not run.exists():
            fix = "merge the boards it was made of again"
            raise DataError("the run that it leads to is gone", where=str(run), fix=fix)
        if not place.is_dir() or not (run / "replicates.npz").exists():
            return kept.get((dataset, model, seed), {})
        if what := unequal(cells[dataset, model, seed], read_scores(run / "scores.json")):
            fix = "make the board again with `scarena run`"
            raise DataError(f"not the run that is on the board: {what}", where=str(run), fix=fix)
        return read_replicates(run / "replicates.npz")

    def of(cell: Json) -> Replicates:
        return replicates(*run_of(cell))

    return Part(board, f"{board['board']} ({place})", sha256_of(path), of)


def merge_boards(places: Sequence[Path], out: Path, *, prefer_first: bool = False) -> Merged:
    """Merge boards into a folder: board.json, .parquet, .npz and links to the runs, of which a page can be written.

    Parameters
    ----------
    places
        Folders of finished boards, or board.json files, whose runs then have the replicates of the board.npz beside.
    out
        The folder to write; its name is that of the board.
    prefer_first
        Whether the first board goes where two have a model or run of one name that is not the same.

    Raises
    ------
    ConfigError
        If `out` is one of the boards, or holds something else.
    DataError
        If the boards do not fit together.
    """
    parts = [read_part(place) for place in places]
    _check_out(places, out)
    merged = merge(parts, out.name, prefer_first=prefer_first)
    _link(merged, places, out)
    write_board(merged.board, out / "board.json", merged.replicates)
    return merged


def _check_out(places: Sequence[Path], out: Path) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", out.name):
        raise ConfigError("cannot be a board's name", where=str(out), fix="use a-z, 0-9, _, . and -")
    if any(out.resolve() in (place.resolve(), place.resolve().parent) for place in places):
        raise ConfigError("is one of the boards to be merged", where=str(out), fix=_OTHER)
    if out.exists() and not out.is_dir():
        raise ConfigError("is no folder", where=str(out), fix=_OTHER)
    if out.is_dir() and any(out.iterdir()) and not _is_merged(out / "board.json"):
        raise ConfigError("the folder holds something that is no merged board", where=str(out), fix=_OTHER)


def _is_merged(path: Path) -> bool:
    return path.exists() and bool(read_object(path, "provenance", fix=_OTHER)["provenance"].get("merged"))


def _link(merged: Merged, places: Sequence[Path], out: Path) -> None:
    """Put links to datasets and runs into the folder, in place of those of an earlier merge."""
    for old in sorted([*out.glob("*/*"), *out.glob("*/*/*")]):
        if old.is_symlink():
            old.unlink()
    folders = {number: place for number, place in enumerate(places) if place.is_dir()}
    wanted = {Path(d, m, str(seed)): number for (d, m, seed), number in merged.runs.items()}
    for dataset in merged.datasets:
        _write_umaps(merged, dataset, folders, out)
        having = [number for number, folder in folders.items() if (folder / dataset / _CELLS).exists()]
        wanted |= {Path(dataset, _CELLS): number for number in having[:1]}
    for name, number in wanted.items():
        if number in folders and (folders[number] / name).exists():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).symlink_to((folders[number] / name).resolve())


def _write_umaps(merged: Merged, dataset: str, folders: dict[int, Path], out: Path) -> None:
    """Write the UMAPs of the runs that were taken; all of them show the cells that the first shows."""
    from scarena.steps.umap_file import write_umaps

    flat: dict[str, np.ndarray] = {}
    names = np.array([], dtype=str)
    for number, folder in folders.items():
        path = folder / dataset / _UMAPS
        if not path.exists():
            continue
        file = read_arrays(path, "obs_names", fix=made_again(path, _UMAPS))
        mine = {m for (d, m, _), n in merged.runs.items() if (d, n) == (dataset, number)}
        found = {key[3:]: file[key] for key in file if key.startswith("xy:") and key[3:] in mine}
        names = names if flat else file["obs_names"]
        if np.array_equal(names, file["obs_names"]):
            flat = {**found, **flat}
    if flat:
        write_umaps(out / dataset / _UMAPS, flat, names)
