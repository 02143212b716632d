"""Other screens as vectors of perturbations: genes along the principal components of what perturbing them did there.

Screens that share a study with the dataset are left out, and so is one whose studies nobody names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scarena.base.errors import ScarenaError
from scarena.models.base import Context
from scarena.models.perturbations.axes import scores
from scarena.models.responses import targets_of

if TYPE_CHECKING:
    from scarena.datasets.card import DatasetCard
    from scarena.datasets.response_truth import ResponseTruth


@dataclass(frozen=True, slots=True, eq=False)
class Screen:
    """What one screen knows of perturbations.

    Parameters
    ----------
    name
        Of its card.
    vectors
        float64, a row a gene that was perturbed alone, by Ensembl id.
    control
        float64, where the control lies among them.
    """

    name: str
    vectors: pd.DataFrame
    control: np.ndarray


def other_cards(study: tuple[str, ...]) -> Iterator[DatasetCard]:
    """Yield the cards of responses that are of no such study, sorted by name."""
    from scarena.datasets.card import card_names, load_card

    for name in sorted(card_names()):
        card = load_card(name)
        if card.kind == "response" and card.study and not set(card.study) & set(study):
            yield card


def other_screens(study: tuple[str, ...], n_axes: int, ctx: Context) -> tuple[Screen, ...]:
    """Return the screens that are of none of these studies and whose files are at hand: nothing is downloaded.

    Parameters
    ----------
    study
        Names or accessions of the dataset's studies.
    n_axes
        Principal components of a screen, at most.
    ctx
        For its cache, in which they are kept, and its notes, which say which could not be read.
    """
    from scarena.datasets.sources import at_hand

    found = []
    for card in other_cards(study):
        if not at_hand(card, cache=ctx.cache):
            continue
        try:
            found.append(_kept(card, n_axes, ctx.cache))
        except ScarenaError as error:
            ctx.notes.append(f"the screen {card.name} was not learned from: {error.what}")
    return tuple(found)


def _kept(card: DatasetCard, n_axes: int, cache: Path) -> Screen:
    """Return a screen, made where the cache does not have it: a large one takes minutes to prepare."""
    from scarena.base.files import replacing
    from scarena.base.untrusted import read_arrays
    from scarena.datasets import prepare_response

    # What a screen is made by, too: another preparation is another screen.
    code = [*sorted(Path(prepare_response.__file__).parent.glob("*response*.py")), Path(__file__)]
    told = f"{card.model_dump_json()} {n_axes}".encode() + b"".join(path.read_bytes() for path in code)
    path = cache / "screens" / f"{card.name}-{hashlib.sha256(told).hexdigest()[:24]}.npz"
    if not path.exists():
        truth, _ = prepare_response.prepare_response(card, cache=cache)
        made = screen_of(card.name, truth, n_axes)
        genes = made.vectors.index.to_numpy(dtype=np.str_)
        with replacing(path) as part, part.open("wb") as file:
            np.savez(file, vectors=made.vectors.to_numpy(), genes=genes, control=made.control)
    held = read_arrays(path, "vectors", "genes", "control", fix="move it away and run response-other-screens again")
    return Screen(card.name, pd.DataFrame(held["vectors"], index=held["genes"].astype(object)), held["control"])


def screen_of(name: str, truth: ResponseTruth, n_axes: int) -> Screen:
    """Return the genes along the components of a screen's effects, its control among them; a mean over contexts."""
    place = {context: row for row, context in enumerate(truth.contexts)}
    own = truth.control_shown[[place[context] for context in truth.profiles["context"]]]
    effects = truth.whole.astype(np.float64) - own
    along = scores(np.concatenate([effects, np.zeros((1, effects.shape[1]))]), n_axes)
    targets = targets_of(truth.profiles)
    alone = [row for row, genes in enumerate(targets) if len(genes) == 1]
    table = pd.DataFrame(along[alone], index=[targets[row][0] for row in alone])
    return Screen(name, table.groupby(level=0).mean(), along[-1])
