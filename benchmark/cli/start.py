"""Where `scarena` begins, before anything is imported: a step of a board goes to who has imported it all already.

`scarena run` keeps one process warm (`scarena.steps.warm`) and tells its steps where. Everywhere else, and whenever
that process will not, the command line runs here.
"""

from __future__ import annotations

import os
import sys

from scarena.steps.door import LENGTH, PLACE, PREFIX, STEPS


def main() -> None:
    """Run the command line, in a warm process if there is one."""
    if sys.argv[1:2] and sys.argv[1] in STEPS:
        # What was deployed for a step (a conda environment, a container) is not what the warm process runs in.
        same = os.environ.get(PREFIX) == sys.prefix and "--deployed" not in sys.argv
        if same and (code := _handed_over(os.environ.get(PLACE, ""))) is not None:
            sys.exit(code)
        _fix_hashes()
    from scarena.cli.app import main as run

    run()


def _handed_over(place: str) -> int | None:
    """Have the verb run in a fork of the warm process; return its exit code, or None if it would not."""
    import json
    import socket

    with socket.socket(socket.AF_UNIX) as door:
        try:
            door.connect(place)
            os.umask(umask := os.umask(0o077))
            asked = {"arguments": sys.argv[1:], "folder": os.getcwd(), "umask": umask}  # noqa: PTH109
            asked["environment"] = dict(os.environ)
            request = json.dumps(asked).encode()
            socket.send_fds(door, [len(request).to_bytes(LENGTH, "big")], [0, 1, 2])
            door.sendall(request)
            if not door.recv(1):
                return None
        except OSError:
            return None
        # It is this process that is stopped where the step is: the warm one sees it end, and stops the step.
        code = door.recv(1)
    if not code:
        print(f"scarena {sys.argv[1]}: killed, most often for memory", file=sys.stderr)
        return 137
    return code[0]


def _fix_hashes() -> None:
    """Begin anew with the seed of hashes that a step's child is to have, so that it can be forked from this process."""
    if sys.platform == "linux" and os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
