"""What is being done, said by whoever does it, and shown by whoever wants to: the command line, to a person.

In a step of a board nobody listens. Base layer: every other package may import this module, and it imports none of
them.
"""

from __future__ import annotations

import logging

LOGGER = "scarena.progress"
"""Who shows it has a handler there; a record has ``done``, ``of``, ``unit`` and ``note``."""
_LOG = logging.getLogger(LOGGER)
# For people who wait, and no part of any log.
_LOG.propagate = False


def tell(what: str, done: float | None = None, of: float | None = None, unit: str = "", note: str = "") -> None:
    """Say what is being done now.

    Parameters
    ----------
    what
        As ``reading my.h5ad``; the same words for as long as it is the same.
    done, of
        How much of it is done, where that is known.
    unit
        What is counted, as ``cells``; ``B`` for bytes.
    note
        What else there is to say of it.
    """
    _LOG.info("%s", what, extra={"done": done, "of": of, "unit": unit, "note": note})
