"""The page's script, made of its modules: one text without imports, since a page in one file can import nothing."""

from __future__ import annotations

import re
from pathlib import Path

# Each comes after those that it imports from.
MODULES = (
    "data", "table", "standing", "filter", "ranking", "tasks", "matrix", "compare", "tips", "umaps", "charts", "choice",
)  # fmt: skip
FOLDER = Path(__file__).parents[1] / "templates" / "script"
_IMPORT = re.compile(r"^import .*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const |function |async function )", re.MULTILINE)


def script() -> str:
    """Return the script of a page. What the modules name at their top shares one scope, so no two may be alike."""
    texts = [(FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in MODULES]
    return '"use strict";\n' + "\n".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts)
