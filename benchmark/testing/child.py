"""What the model under test is inside the processes of a run: itself, without a network, and ready to be killed.

A stage writes a package of one class, installed by its entry point, so that `scarena embed` finds it like any other.
"""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.models.base import Context
from scarena.testing.subject import Subject

if TYPE_CHECKING:
    from anndata import AnnData

NAME = "conformance-subject"
HOLD = "SCARENA_CONFORMANCE_HOLD"
REFUSED = "connections are refused while a model is checked"
_HOLD_S = 600

_PACKAGE = '''"""The model under test under a name of its own."""
import json

from scarena.models.base import Model, ModelCard
from scarena.testing import child

child.refuse_connections()


class Tested(Model):
    card = ModelCard.model_validate(json.loads({card!r}))

    def embed(self, data, ctx):
        return child.embed({subject!r}, data, ctx, {mark!r})
'''


def write_package(folder: Path, subject: Subject, card: dict[str, Any], mark: Path) -> None:
    """Write the package; `mark` is a file that appears when the model begins."""
    told = json.dumps({key: getattr(subject, key) for key in subject.__slots__})
    text = _PACKAGE.format(card=json.dumps({**card, "name": NAME}), subject=told, mark=str(mark))
    info = folder / "conformance_subject-1.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (folder / "conformance_subject.py").write_text(text, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: conformance-subject\nVersion: 1\n", encoding="utf-8")
    points = f"[scarena.models]\n{NAME} = conformance_subject:Tested\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")


def refuse_connections() -> None:
    """Let no socket of this process connect to another machine, or to this one by its network."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def refusing(through: Any) -> Any:
        def method(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6):
                raise ConnectionRefusedError(f"{REFUSED}: {address}")
            return through(self, address)

        return method

    socket.socket.connect = refusing(connect)  # type: ignore[method-assign]
    socket.socket.connect_ex = refusing(connect_ex)  # type: ignore[method-assign]

    def no_lookup(host: Any, *more: Any, **options: Any) -> Any:
        raise socket.gaierror(f"{REFUSED}: {host}")

    socket.getaddrinfo = no_lookup


def embed(subject: str, data: AnnData, ctx: Context, mark: str) -> np.ndarray:
    """Run the model; under `HOLD` keep what it returned, so that a kill always finds the run unfinished."""
    model = Subject(**json.loads(subject)).load()()
    Path(mark).touch()
    vectors = model.embed(data, ctx)
    if os.environ.get(HOLD):
        time.sleep(_HOLD_S)
    return vectors
