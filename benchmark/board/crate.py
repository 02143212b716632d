"""The provenance of a board as an RO-Crate (https://w3id.org/ro/crate/1.1): what was made, from what, by what, where.

``ro-crate-metadata.json`` makes the board's folder a crate: its files with their checksums, the published files they
come from, the code's commit, the environment as a lock file and the hardware. It is not among the files that two runs
must share: it names the machine and the day.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from scarena.base.errors import DataError
from scarena.base.files import sha256_of, write_json, write_text
from scarena.board.file import read_board

Json = dict[str, Any]

METADATA, LOCK = "ro-crate-metadata.json", "environment.lock.txt"
_LICENCE = "https://spdx.org/licenses/MIT"
_CONTEXT = "https://w3id.org/ro/crate/1.1/context"
_FILES = {
    "board.json": ("the board: every score, its interval and state", "application/json"),
    "board.parquet": ("one row a run and metric", "application/vnd.apache.parquet"),
    "board.npz": ("bootstrap replicates of what ranks the models, by run", "application/octet-stream"),
    "board.html": ("the leaderboard page", "text/html"),
    "board.csv": ("every number of the board, one a row", "text/csv"),
    "board.md": ("the ranking and what may be said of it", "text/markdown"),
    "config.json": ("the configuration that the board was made with", "application/json"),
    LOCK: ("every installed package and its version", "text/plain"),
}


def lock() -> str:
    """Return the installed packages as pinned requirements, sorted."""
    found = {dist.metadata["Name"].lower().replace("_", "-"): dist.version for dist in distributions()}
    return "".join(f"{name}=={version}\n" for name, version in sorted(found.items()))


def _refer(items: list[Json]) -> list[Json]:
    return [{"@id": item["@id"]} for item in items]


def _file(folder: Path, name: str) -> Json:
    what, form = _FILES[name]
    size = str((folder / name).stat().st_size)
    digest = sha256_of(folder / name)
    return {
        "@id": name, "@type": "File", "name": what, "encodingFormat": form, "contentSize": size, "sha256": digest,
    }  # fmt: skip


def _sources(board: Json) -> list[Json]:
    """Return the published files of the datasets, each once, by the address on the card."""
    found: dict[str, Json] = {}
    for dataset in board["datasets"]:
        for file in dataset["card"].get("files", []):
            digest = dataset["sources"].get(file["key"], file.get("sha256"))
            address = _address(file["url"])
            entity = {"@id": address, "@type": "File", "name": f"{dataset['dataset']}: {file['key']}"}
            entity |= {
                "identifier": file["url"],
                "encodingFormat": "application/octet-stream",
                "license": dataset["card"].get("licence") or "unknown",
            }
            found[address] = {**entity, **({"sha256": digest} if digest else {})}
    return [found[key] for key in sorted(found)]


def _address(url: str) -> str:
    """Return an address that is a URI: a file of a wheel has none of its own, one of the user's has no public one."""
    from urllib.parse import quote

    if url.startswith("pypi:"):
        name, _, inside = url.removeprefix("pypi:").partition("#")
        package, _, version = name.partition("==")
        return f"https://pypi.org/project/{package}/{version}/" + (f"#{quote(inside)}" if inside else "")
    if url.startswith("file:"):
        return "file://" + quote(url.removeprefix("file:"))
    return url


def _software(board: Json) -> list[Json]:
    provenance = board["provenance"]
    commits = ", ".join(provenance["commits"])
    workflow = {
        "@id": "#workflow", "@type": "SoftwareApplication", "name": "scArena",
        "softwareVersion": f"{provenance['versions']['scarena']} (commits {commits})",
        "softwareRequirements": {"@id": LOCK},
    }  # fmt: skip
    libraries = [
        {
            "@id": f"https://pypi.org/project/{name}/{version}/", "@type": "SoftwareApplication", "name": name,
            "softwareVersion": version, "url": f"https://pypi.org/project/{name}/",
        }
        for name, version in sorted(provenance["versions"].items()) if name not in ("scarena", "python")
    ]  # fmt: skip
    return [workflow, *libraries]


def _machine(board: Json) -> Json:
    machine = board["provenance"]["hardware"]
    said = ", ".join(f"{key}: {value}" for key, value in sorted(machine.items()))
    python = board["provenance"]["versions"]["python"]
    return {
        "@id": "#machine",
        "@type": "Thing",
        "name": f"{said}; device: {board['provenance']['device']}; Python {python}",
    }


def crate_of(folder: Path, when: datetime | None = None) -> Json:
    """Return the metadata of a board's folder; write the lock file it names.

    Parameters
    ----------
    folder
        A finished board's.
    when
        Publication date; now if None.

    Raises
    ------
    DataError
        If there is no finished board.
    """
    if missing := [name for name in _FILES if name != LOCK and not (folder / name).exists()]:
        raise DataError(f"no finished board: no {missing[0]}", where=str(folder), fix="`scarena run` makes it")
    write_text(folder / LOCK, lock())
    board = read_board(folder / "board.json")
    made = [_file(folder, name) for name in _FILES]
    used, tools, machine = _sources(board), _software(board), _machine(board)
    stamp = (when or datetime.now(UTC)).isoformat(timespec="seconds")
    action = {
        "@id": "#run", "@type": "CreateAction", "name": "scarena run", "endTime": stamp,
        "instrument": {"@id": "#workflow"}, "object": _refer(used), "result": _refer(made),
        "actionStatus": "http://schema.org/CompletedActionStatus", "location": {"@id": "#machine"},
        "description": "`scarena run --config config.json` makes the board again; `scarena verify` a part of it",
    }  # fmt: skip
    root = {
        "@id": "./", "@type": "Dataset", "name": board["title"], "datePublished": stamp, "license": {"@id": _LICENCE},
        "description": f"leaderboard of {len(board['models'])} models on {len(board['datasets'])} datasets",
        "hasPart": _refer([*made, *used]), "mentions": {"@id": "#run"},
    }  # fmt: skip
    licence = {"@id": _LICENCE, "@type": "CreativeWork", "name": "MIT licence"}
    about = {
        "@id": METADATA, "@type": "CreativeWork", "about": {"@id": "./"},
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
    }  # fmt: skip
    return {"@context": _CONTEXT, "@graph": [about, root, licence, *made, *used, *tools, machine, action]}


def write_crate(folder: Path) -> Path:
    """Write the metadata of a finished board's folder; return its path."""
    write_json(folder / METADATA, crate_of(folder))
    return folder / METADATA
