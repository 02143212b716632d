"""What an audit is asked about: a model's corpus and a dataset, found by folder, file or name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from scarena.base.errors import DataError
from scarena.base.files import read_json
from scarena.models.foundation.corpus.audit import Audit, audit, audit_card

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.datasets.card import DatasetCard
    from scarena.models.base import ModelCard
    from scarena.models.foundation.corpus.fingerprints import Fingerprints


def _checkpoint_card(folder: Path) -> ModelCard:
    from scarena.models.base import ModelCard

    try:
        manifest = read_json(folder / "manifest.json")
        corpus = tuple(str(name) for row in manifest["corpus"] for name in (row["dataset"], *row["study"]))
        name, parameters = str(manifest["name"]), manifest.get("parameters")
        complete = all(row.get("all_studies", True) is True for row in manifest["corpus"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"says nothing of a corpus ({type(error).__name__})"
        raise DataError(what, where=str(folder / "manifest.json"), fix="restore the folder") from None
    about = "a checkpoint without fingerprints"
    return ModelCard(
        name=name, title=name, family="foundation", description=about, parameters=parameters, training_corpus=corpus,
        lists_all_studies=complete,
    )  # fmt: skip


def _atlas_card(path: Path) -> ModelCard:
    """Return what an atlas of profiles says of its studies; it holds no cells that could be compared."""
    from scarena.models.base import ModelCard
    from scarena.models.foundation.atlas.store import read_manifest

    manifest = read_manifest(path)
    studies = tuple(dict.fromkeys(str(study) for row in manifest["sources"] for study in row.get("study", ())))
    name, about = str(manifest.get("name", path.stem)), "an atlas of cell-type profiles"
    return ModelCard(
        name=name, title=name, family="foundation", description=about, training_corpus=studies,
        lists_all_studies=manifest.get("all_studies") is True,
    )  # fmt: skip


def find_corpus(model: str, checkpoints: Mapping[str, Path | None] | None = None) -> Fingerprints | ModelCard:
    """Return what is known of a model's corpus: fingerprints where they are at hand, else its card.

    Parameters
    ----------
    model
        Folder of a corpus or of a checkpoint, h5ad of an atlas, or the name of a model. A model class that ships
        fingerprints names their folder in an attribute ``fingerprints``.
    checkpoints
        Those that a board makes itself, as for `find_model`.

    Raises
    ------
    DataError
        If the folder holds neither.
    ConfigError
        If no model has this name.
    """
    from scarena.models.foundation.corpus.fingerprints import FILE, corpus_fingerprints, read_fingerprints
    from scarena.models.foundation.corpus.store import Corpus

    folder = Path(model)
    if model.endswith(".h5ad"):
        return _atlas_card(folder)
    if not folder.is_dir():
        from scarena.models.registry import find_model

        found = find_model(model, checkpoints)
        shipped = getattr(found, "fingerprints", None)
        return read_fingerprints(shipped) if shipped is not None and (shipped / FILE).is_file() else found.card
    if (folder / FILE).is_file():
        return read_fingerprints(folder)
    if (folder / "chunks.npy").is_file():
        return corpus_fingerprints(Corpus.open(folder))
    if (folder / "manifest.json").is_file():
        return _checkpoint_card(folder)
    raise DataError("neither a corpus nor a checkpoint", where=str(folder), fix="name the folder with manifest.json")


def find_dataset(
    dataset: str, cache: Path, mirror: Path | None = None, own: Path | None = None
) -> tuple[AnnData, DatasetCard]:
    """Return a prepared dataset and its card, from a prepared h5ad or by the name of a card.

    Parameters
    ----------
    dataset
        Path of the h5ad, or the name.
    cache, mirror
        As for `scarena.datasets.sources.pull`.
    own
        Folder with cards of one's own.

    Raises
    ------
    DataError
        If the h5ad is not a prepared one.
    CardError, SourceError
        As preparing the card does.
    """
    from scarena.datasets.card import load_card, parse_card
    from scarena.datasets.prepare import prepare
    from scarena.datasets.prepared import read_prepared

    if not dataset.endswith(".h5ad"):
        card = load_card(dataset, own)
        return prepare(card, cache=cache, mirror=mirror), card
    data = read_prepared(Path(dataset))
    if "card" not in data.uns:
        fix = "give one made by `scarena prepare`, or the name of a card"
        raise DataError("no prepared dataset (no card in uns)", where=dataset, fix=fix)
    return data, parse_card(json.loads(data.uns["card"]), dataset)


def audit_model(
    model: str, dataset: str, cache: Path = Path(".cache"), mirror: Path | None = None, own: Path | None = None,
    checkpoints: Mapping[str, Path | None] | None = None,
) -> Audit:  # fmt: skip
    """Audit a model on a dataset, each named as `find_corpus` and `find_dataset` say."""
    from scarena.models.base import ModelCard

    found = find_corpus(model, checkpoints)
    data, card = find_dataset(dataset, cache, mirror, own)
    if isinstance(found, ModelCard):
        return audit_card(found, card, data.n_obs)
    return audit(model, found, data, card)
