"""scArena: which single-cell foundation model, if any, beats HVG, Harmony and scVI on data like yours.

This module imports nothing heavy, so that ``scarena --help`` never pays for torch. The rooms: docs/architecture.md.
"""

from pathlib import Path

__version__ = "0.1.0"

# In a checkout (or an editable install) the sub-packages lie beside this folder, not in it: a wheel has them inside.
# `datasets` and `models` carry no __init__.py, so that a bare `import datasets` from the checkout still finds Hugging
# Face's package; setuptools' editable finder cannot see such folders, hence this line.
ROOT = Path(__file__).resolve().parent.parent
if (ROOT / "Snakefile").exists():
    __path__.append(str(ROOT))

# Last: it is found through the path above.
from scarena.base.moved import keep_old_paths  # noqa: E402

keep_old_paths()
