"""Where a checkpoint lies: a folder, or what Hugging Face's own tools have already put into their cache.

Nothing is downloaded here: a board must not fetch gigabytes because a name is in its configuration.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_HUB = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w.-]+))?(?:/(?P<inside>[\w./-]+))?")


def folder_of(named: str) -> Path:
    """Return the folder that a configuration names; it need not exist.

    Parameters
    ----------
    named
        A path, or ``hf:OWNER/NAME[@REVISION][/FOLDER]`` for a repository in Hugging Face's cache, as
        ``hf download OWNER/NAME`` leaves it.
    """
    found = _HUB.fullmatch(named)
    if found is None:
        return Path(named).expanduser()
    at = _hub_cache() / f"models--{found['repo'].replace('/', '--')}"
    revision = found["revision"] or "main"
    ref = at / "refs" / revision
    commit = ref.read_text(encoding="utf-8").strip() if ref.is_file() else revision
    return at / "snapshots" / commit / (found["inside"] or "")


def _hub_cache() -> Path:
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub")).expanduser()
