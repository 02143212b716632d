"""A pretraining's configuration as far as it is read without torch, and what makes a corpus or checkpoint stale.

The whole of it is `scarena.models.foundation.pretrain.PretrainConfig`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from scarena.base.errors import ConfigError
from scarena.base.files import sha256_of
from scarena.base.validated import read_own_config
from scarena.models.foundation.code import digest_of
from scarena.models.foundation.corpus.config import CorpusConfig
from scarena.models.foundation.training.config import EngineConfig


class Recipe(BaseModel):
    """A pretraining run; the model and the task, whose settings only torch can check, stay as they were written."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    corpus: CorpusConfig
    atlas: Path | None = Field(
        None, description="configuration of an atlas of cell types (`scarena corpus atlas`), in place of bulk profiles"
    )
    gene_features: int = Field(
        60, ge=0, description="principal components of these profiles the gene table starts from"
    )
    engine: EngineConfig
    threads: int = Field(2, ge=1)


_R = TypeVar("_R", bound=Recipe)


def read_as(path: Path, kind: type[_R]) -> _R:
    """Read a pretraining configuration.

    Raises
    ------
    ConfigError
        If it is missing or holds unknown keys.
    """
    return read_own_config(path, kind, ConfigError, fix="see config/pretrain.yaml")


def atlas_source(config: Path | None) -> str | None:
    """Return a short hash of what decides an atlas: its configuration, its files, the code that builds it."""
    if config is None:
        return None
    from scarena.models.foundation.atlas.config import H5adCells, TableSource, read_config

    asked = read_config(config)
    own: list[TableSource | H5adCells] = [*asked.tables, *asked.h5ad]
    files = {each.name: each.sha256 or _stamp(each.path) for each in own}
    return _short({"config": asked.told(), "files": files, "code": digest_of("atlas.build")})


def corpus_source(config: CorpusConfig, *, bulk: bool, atlas: Path | None = None) -> str:
    """Return a short hash of what decides a corpus: its configuration, its cards and files, the code that builds it.

    Parameters
    ----------
    config
        The corpus. Of a vocabulary the content counts, and not where it is kept; of an h5ad file, which may be too
        large to read for this, the size and the time it was written.
    bulk
        Whether the genes of bulk profiles are the vocabulary where it names none.
    atlas
        Configuration of the atlas whose genes are the vocabulary then.
    """
    from scarena.datasets.card import card_fingerprint

    given = config.vocabulary
    known = sha256_of(given) if given is not None and given.is_file() else str(given)
    return _short(
        {
            "config": config.model_dump(mode="json", exclude={"vocabulary"}),
            "vocabulary": known,
            "cards": {name: card_fingerprint(name) for name in config.cards},
            "h5ad": {source.name: source.sha256 or _stamp(source.path) for source in config.h5ad},
            "code": digest_of("corpus.build", *(["gene_features"] if bulk else [])),
            **({} if atlas is None else {"atlas": atlas_source(atlas)}),
        }
    )


def _stamp(path: Path) -> list[int] | None:
    if not path.is_file():
        return None
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def training_source(recipe: Recipe) -> str:
    """Return a short hash of what decides a checkpoint: its configuration, its corpus, and the code that trains it.

    A teacher that is a checkpoint counts by its manifest, which names its weights.
    """
    corpus = corpus_source(recipe.corpus, bulk=bool(recipe.gene_features), atlas=recipe.atlas)
    # Where its configuration is kept is of no influence, and what it says is in the corpus' source.
    whole = recipe.model_dump(mode="json", exclude={"corpus", "atlas"})
    teacher = Path(str(whole.get("teacher"))) / "manifest.json"
    taught = sha256_of(teacher) if teacher.is_file() else None
    return _short({"recipe": whole, "corpus": corpus, "teacher": taught, "code": digest_of("pretrain")})


def _short(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()[:16]
