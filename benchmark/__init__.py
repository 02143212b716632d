"""scArena: which single-cell foundation model, if any, beats HVG, Harmony and scVI on data like yours.

This module imports nothing heavy, so that ``scarena --help`` never pays for torch. The rooms: docs/architecture.md.
"""

from pathlib import Path

# In a checkout (or an editable install) the sub-packages lie beside this folder, not in it: a wheel has them inside.
# `datasets` and `models` carry no __init__.py, so that a bare `import datasets` from the checkout still finds Hugging
# Face's package, not ours; setuptools' editable finder cannot see such folders, hence this line.
ROOT = Path(__file__).resolve().parent.parent
WORKFLOW = ROOT
"""The folder of Snakefile, config/ and profiles/: a checkout, or what an installed package has in its place."""
if (ROOT / "Snakefile").exists():
    __path__.append(str(ROOT))
else:
    WORKFLOW = Path(__file__).resolve().parent / "workflow"

# Last: it is found through the path above.
from scarena.base.moved import keep_old_paths  # noqa: E402

keep_old_paths()


def __getattr__(name: str) -> str:
    """Return the version when it is asked for: looking it up takes longer than all else here."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("scarena")
    except PackageNotFoundError:
        return "unknown"
