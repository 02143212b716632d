"""Check the blocks of code in the pages: run those that are marked, parse the others. `docs/site.md` says how.

``python docs/check_blocks.py`` checks all pages, ``python docs/check_blocks.py --parse`` runs none of them.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
RUN, OUTPUT = "<!-- run -->", "<!-- output -->"
_SEEN = ("config", "results/reference")
"""What a block that is run finds beside it."""
# A directive's name is in braces, and words may follow; those of tutorials are run when the site is built.
_FENCE = re.compile(r"^( *)(`{3,})(\{[\w-]+\}|[\w-]*)(?:(?<=\}) .*)?\s*$")
_LONGEST_S = 300


@dataclass(frozen=True, slots=True)
class Block:
    """One block of code: where it begins, its language and text, and the mark in the line above it."""

    page: Path
    line: int
    language: str
    text: str
    mark: str

    @property
    def where(self) -> str:
        """Its place, as an editor takes it."""
        page = self.page.relative_to(ROOT) if self.page.is_relative_to(ROOT) else self.page
        return f"{page}:{self.line}"


def pages() -> list[Path]:
    """Return the Markdown files that are looked at, sorted."""
    found = [page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts]
    return sorted([*found, ROOT / "README.md", ROOT / "CONTRIBUTING.md"])


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page."""
    above, opened, lines = "", None, list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened, lines = (number, fence[3], above, fence[2], len(fence[1])), []
        elif opened is not None and fence and fence[2] == opened[3] and not fence[3]:
            yield Block(page, opened[0], opened[1], "".join(f"{each}\n" for each in lines), opened[2])
            opened, above = None, ""
        elif opened is not None:
            lines.append(line[opened[4] :])
        # An empty line between the mark and its block changes nothing.
        elif line.strip():
            above = line.strip()


def parsed(block: Block) -> str:
    """Return what is wrong with a block that is not run; empty where nothing is, or nobody can say."""
    try:
        if block.language == "python":
            compile(block.text, block.where, "exec")
        elif block.language in ("yaml", "json"):
            {"yaml": yaml.safe_load, "json": json.loads}[block.language](block.text)
        elif block.language == "sh":
            read = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
            return read.stderr.strip()
    except (SyntaxError, ValueError, yaml.YAMLError) as error:
        return str(error)
    return ""


def ran(block: Block) -> tuple[str, str]:
    """Run a block in a folder of its own; return what it printed, and what is wrong with it."""
    command = {"python": [sys.executable, "-"], "sh": ["bash", "-eu", "-o", "pipefail", "-s"]}.get(block.language)
    if command is None:
        return "", f"cannot run a block of {block.language or 'no language'}"
    with tempfile.TemporaryDirectory(prefix="block-") as folder:
        for name in _SEEN:
            place = Path(folder) / name
            place.parent.mkdir(exist_ok=True)
            place.symlink_to(ROOT / name)
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            command, input=block.text, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True,
            timeout=_LONGEST_S, check=False,
        )  # fmt: skip
    return done.stdout, f"exit code {done.returncode}\n{done.stderr.strip()}" if done.returncode else ""


def compared(block: Block, printed: str | None) -> str:
    """Return how the output that a page shows differs from what was printed; empty where it does not."""
    if printed is None:
        return "shown as the output of a block that was not run"
    lines = difflib.unified_diff(block.text.splitlines(), printed.splitlines(), "on the page", "printed", lineterm="")
    return "\n".join(lines)


def check(page: Path, counts: Counter[str], *, run: bool) -> Iterator[str]:
    """Yield what is wrong with the blocks of a page; count what was done with them."""
    printed: str | None = None
    for block in blocks_of(page):
        if block.mark == OUTPUT:
            wrong, done = (compared(block, printed) if run else ""), "compared" if run else "left"
        elif block.mark == RUN and run:
            (printed, wrong), done = ran(block), f"{block.language} run"
        else:
            known = block.language in ("python", "sh", "yaml", "json")
            wrong, done, printed = parsed(block), f"{block.language} parsed" if known else "left", None
        counts[done] += 1
        if wrong:
            yield f"{block.where}: {wrong}"


def main(words: list[str]) -> int:
    """Check all pages; return 1 where something is wrong."""
    counts = Counter[str]()
    wrong = [each for page in pages() for each in check(page, counts, run="--parse" not in words)]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print("blocks:", ", ".join(f"{number} {what}" for what, number in sorted(counts.items())))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
