"""`scarena verify`: a random part of a board computed again from the published files, and compared with what it says.

Nothing of the board's folder is reused but its configuration and, where it pretrained models, their checkpoints: the
datasets are prepared anew, the models run anew, the scores computed anew.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from scarena.base.errors import DataError
from scarena.base.files import read_json
from scarena.base.progress import tell
from scarena.board.file import read_board
from scarena.board.published import refuse_published
from scarena.board.samples import run_of
from scarena.board.tolerance import PRINTED
from scarena.steps.config import BoardConfig, parse_config
from scarena.steps.sequence import Step, dataset_steps, run_steps

Json = dict[str, Any]
Verdict = Literal["same", "within noise", "differs", "not recomputed"]
COLUMNS = ["dataset", "model", "seed", "verdict", "why"]

# Values are stored with nine decimals; what other hardware may change of a sum of float32 products is far above.
_EXACT = 1e-6


@dataclass(frozen=True, slots=True)
class Compared:
    """One cell of a board beside the same computed again."""

    dataset: str
    model: str
    seed: int
    verdict: Verdict
    why: str = ""

    def entries(self) -> list[str]:
        """Return it as a row of a table."""
        return [self.dataset, self.model, str(self.seed), self.verdict, self.why]


def board_at(place: Path) -> Json:
    """Return a board by its folder or its board.json.

    Raises
    ------
    DataError
        If there is none there.
    """
    return read_board(place / "board.json" if place.is_dir() else place)


def drawn(board: Json, share: float, seed: int) -> list[Json]:
    """Return a share of the board's cells that ended well, at least one, drawn at random, in the board's order."""
    cells = [cell for cell in board["cells"] if cell["state"] == "ok"]
    n_drawn = min(len(cells), max(1, math.ceil(share * len(cells))))
    rows = np.random.default_rng(seed).permutation(len(cells))[:n_drawn]
    return [cells[row] for row in np.sort(rows)]


def compare(cell: Json, again: Json) -> Compared:
    """Compare a cell of a board with the ``scores.json`` of the same run computed again."""
    who = run_of(cell)
    if again["state"] != "ok":
        verdict: Verdict = "not recomputed" if again["state"] == "not available" else "differs"
        return Compared(*who, verdict, f"{again['state']}: {again['reason']}")
    changed = [key for key in sorted(cell["scores"]) if _state(cell, key) != _state(again, key)]
    if changed:
        told = f"{changed[0]} was {_state(cell, changed[0])}, is {_state(again, changed[0])}"
        return Compared(*who, "differs", f"{len(changed)} states changed ({told})")
    gaps = {key: gap for key in sorted(cell["scores"]) if (gap := _gap(cell["scores"][key], again["scores"][key]))}
    if not gaps:
        return Compared(*who, "same", f"{len(cell['scores'])} metrics")
    worst = max(gaps, key=lambda key: gaps[key])
    was, now = (scores["scores"][worst]["value"] for scores in (cell, again))
    beyond = sum(gap > 1 for gap in gaps.values())
    told = f"most in {worst}: {was:.4f}, now {now:.4f}"
    if beyond:
        return Compared(*who, "differs", f"{beyond} metrics leave their interval, {told}")
    return Compared(*who, "within noise", f"{len(gaps)} metrics moved inside their interval, {told}")


def _state(cell: Json, key: str) -> str:
    return str(cell["scores"].get(key, {}).get("state", "absent"))


def _gap(was: Json, now: Json) -> float:
    """Return how far a value moved, as a share of what its interval allows; 0 for the same, ∞ without an interval.

    Nothing below a unit of the last decimal that is printed is too far, however narrow the interval is.
    """
    if was["value"] is None or now["value"] is None:
        return 0.0
    moved = now["value"] - was["value"]
    if abs(moved) <= _EXACT:
        return 0.0
    bound = was.get("high" if moved > 0 else "low")
    if bound is None and abs(moved) > PRINTED:
        return math.inf
    return abs(moved) / max(PRINTED, 0.0 if bound is None else abs(bound - was["value"]))


def config_of(board: Json, place: Path) -> BoardConfig:
    """Return the configuration that a board was made with.

    Raises
    ------
    DataError
        If the board does not carry it, as those of an older release.
    """
    beside = (place if place.is_dir() else place.parent) / "config.json"
    told = board["provenance"].get("config") or (read_json(beside) if beside.exists() else None)
    if told is None:
        fix = "make it again with this release"
        raise DataError("the board does not say its configuration", where=str(place), fix=fix)
    return parse_config(told, f"configuration of {place}")


def verify(place: Path, share: float = 0.1, seed: int = 0, *, cache: Path | None = None) -> Iterator[Compared]:
    """Compute a random share of a board's cells again and yield how each compares.

    Parameters
    ----------
    place
        Folder of a board, or its board.json.
    share
        Of the cells that ended well.
    seed
        Of the draw.
    cache
        Where pulled files are kept; the board's own if None.
    """
    board = board_at(place)
    refuse_published(board, str(place), "computed again")
    config = config_of(board, place)
    wanted = drawn(board, share, seed)
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        again = config.model_copy(update={"results": Path(folder), **({"cache": cache} if cache else {})})
        _keep_checkpoints(config, again)
        n_done = 0
        for dataset in dict.fromkeys(cell["dataset"] for cell in wanted):
            tell("computing again", n_done, len(wanted), "runs", f"preparing {dataset}")
            state = _last(dataset_steps(dataset, again))
            for cell in (cell for cell in wanted if cell["dataset"] == dataset):
                told = f"{cell['model']} on {dataset}, seed {cell['seed']}"
                tell("computing again", n_done, len(wanted), "runs", told)
                n_done += 1
                taken = run_steps(dataset, cell["model"], cell["seed"], again)
                yield compare(cell, state if state["state"] != "ok" else _last(taken))


def _keep_checkpoints(config: BoardConfig, again: BoardConfig) -> None:
    """Use the checkpoints that a board pretrained: training them again would be another board."""
    again.folder.mkdir(parents=True)
    for name in ("pretrained", "submissions"):
        if (config.folder / name).is_dir():
            (again.folder / name).symlink_to((config.folder / name).resolve())


def _last(taken: list[Step]) -> Json:
    """Take all steps; return what the last one says, which repeats what ended an earlier one."""
    answers = [run() for _, run in taken]
    return answers[-1]
