"""Whether a board's configuration names what exists."""

from __future__ import annotations

from scarena.base.errors import ConfigError, ScarenaError
from scarena.steps.config import BoardConfig, datasets_of
from scarena.steps.pretraining import all_checkpoints, check_pretrainings
from scarena.tasks.registry import find_tasks


def check_names(config: BoardConfig, where: str) -> None:
    """Refuse unknown names, and pretrainings that cannot be read, before anything is computed."""
    from scarena.datasets.card import load_card
    from scarena.models.registry import find_model

    check_pretrainings(config)
    try:
        find_tasks(config.tasks)
        for name in datasets_of(config):
            load_card(name, config.user_cards)
        for name in config.models:
            find_model(name, all_checkpoints(config))
    except ScarenaError as error:
        # A name that nobody knows is this file's mistake; a card that cannot be read says itself where it is.
        if error.where not in ("datasets", "models", "tasks"):
            raise
        raise ConfigError(error.what, where=f"{where}: {error.where}", fix=error.fix) from None
