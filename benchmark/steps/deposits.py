"""Predictions that others computed and deposited: pulled by checksum, and put on a board like any submission."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from scarena.base.errors import ConfigError
from scarena.base.untrusted import read_yaml
from scarena.base.validated import validated
from scarena.datasets.card import DatasetCard, Reader, SourceFile
from scarena.steps.config import BoardConfig
from scarena.steps.submissions import checked_card
from scarena.steps.submitted_genes import Kept
from scarena.steps.submitted_responses import put_responses


class Deposit(BaseModel):
    """Where predictions lie, what they are of, and what is to be known of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str
    """A dataset of perturbations."""
    file: SourceFile
    card: dict[str, Any]
    """The keys of a model card; `scarena.steps.submissions.read_submitted_card` checks them."""


def read_deposit(path: Path) -> Deposit:
    """Return what a YAML file says of a deposit.

    Raises
    ------
    ConfigError
        If a key is missing, unknown or ill-typed.
    """
    found = read_yaml(path, ConfigError, fix="give a YAML file")
    return validated(Deposit, found, ConfigError, where=str(path), fix="correct these keys (see config/deposited)")


def put_deposit(path: Path, config: BoardConfig) -> Kept:
    """Pull the predictions that a YAML file names and put them on a board; return what `submit_response` does.

    Raises
    ------
    ConfigError, CardError, DataError, ModelError, SourceError
        As for a submission; and if the file cannot be had, or is not the one whose checksum is given.
    """
    from scarena.datasets.sources import pull

    deposit = read_deposit(path)
    card = checked_card(deposit.card, path)
    source = DatasetCard(
        name=deposit.dataset, title=card.title, description=card.description, files=(deposit.file,),
        reader=Reader(name="tables"),
    )  # fmt: skip
    (file,) = pull(source, cache=config.cache).values()
    return put_responses(deposit.dataset, file, card, path, config, suffix=Path(deposit.file.url).suffix)
