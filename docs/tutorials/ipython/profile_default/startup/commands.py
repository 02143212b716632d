"""What `!command` does in a tutorial while the site is built: its output without a terminal, and an error if it fails.

In Jupyter a command that fails is no error, and one that has a terminal draws its progress over and over.
"""

import os
import subprocess

from IPython import get_ipython


def _run(command: str) -> None:
    """Run a command with `sh`; print what it printed."""
    # ipykernel asks for colours, which a page would show as signs.
    plain = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "CLICOLOR_FORCE")}
    done = subprocess.run(
        ["sh", "-c", command], env={**plain, "COLUMNS": "100"}, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    print(done.stdout, end="")
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}: {command}")


get_ipython().system = _run
