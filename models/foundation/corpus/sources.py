"""Where the cells of a corpus come from: dataset cards, h5ad files and the Census, one source after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from scarena.base.errors import ConfigError
from scarena.datasets.genes import GeneTable, gene_map
from scarena.models.foundation.corpus.blocks import OBS_KEYS, Block, Origin, Source, block_of
from scarena.models.foundation.corpus.config import CorpusConfig


def _card_source(name: str, config: CorpusConfig, cache: Path, mirror: Path | None) -> Source:
    from scarena.datasets.card import load_card
    from scarena.datasets.prepare import prepare

    card = load_card(name)
    if card.role != "pretraining":
        fix = "build corpora from cards with `role: pretraining` only"
        raise ConfigError(f"{name} is a {card.role} set", where="corpus: cards", fix=fix)
    data = prepare(card, cache=cache, mirror=mirror)
    columns, notes = gene_map(data.var_names.to_numpy(str), GeneTable({}, {}), f"dataset {name}"), data.uns["notes"]
    hashes = json.loads(data.uns["sources"])

    def blocks() -> Iterator[Block]:
        for first in range(0, data.n_obs, config.block_cells):
            part = data[first : first + config.block_cells]
            yield block_of(part.X, columns, part.obs[list(OBS_KEYS)].astype(str), f"dataset {name}")

    files: tuple[dict[str, str | None], ...] = tuple({"url": f.url, "sha256": hashes[f.key]} for f in card.files)
    return Source(Origin(name, "card", card.study, card.licence, files), columns.ids, blocks, lambda: notes)


def sources(config: CorpusConfig, cache: Path, mirror: Path | None = None) -> Iterator[Source]:
    """Yield the sources of a corpus one at a time: cards, h5ad files, then the datasets of the Census query.

    Raises
    ------
    ConfigError, CardError, SourceError, DataError
        As the source at hand does.
    NotAvailable
        If a Census is asked for and its package is not installed.
    """
    from scarena.models.foundation.corpus import census, read_h5ad

    for name in config.cards:
        yield _card_source(name, config, cache, mirror)
    for entry in config.h5ad:
        yield read_h5ad.source(entry, config.block_cells, cache, mirror)
    if config.census is not None:
        yield from census.sources(config.census, config.block_cells)
