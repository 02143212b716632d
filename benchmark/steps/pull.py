"""The step `pull`: a dataset's files in the cache, and the tables of genes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scarena.base.errors import ScarenaError, state_of
from scarena.base.files import write_json
from scarena.base.folders import digest_of
from scarena.steps.config import BoardConfig


def pull_step(dataset: str, out: Path | None, config: BoardConfig) -> dict[str, Any]:
    """Fetch a dataset's files, and the tables of genes, into the cache; write which, and their hashes, to `out`.

    No later step of a dataset needs the internet, which a cluster's compute nodes may not have.
    """
    from scarena.datasets.card import load_card
    from scarena.datasets.genes import gene_table
    from scarena.datasets.orthologues import orthologues
    from scarena.datasets.sources import pull

    answer: dict[str, Any] = {"dataset": dataset, "state": "ok", "reason": ""}
    try:
        card = load_card(dataset, config.user_cards)
        found = pull(card, cache=config.cache, mirror=None)
        gene_table(cache=config.cache)
        if card.species == "mouse":
            orthologues(cache=config.cache)
        answer["files"] = {key: {"path": str(path), "sha256": digest_of(path)} for key, path in found.items()}
    except ScarenaError as error:
        answer |= {"state": state_of(error), "reason": str(error)}
    if out is not None:
        write_json(out, answer)
    return answer
