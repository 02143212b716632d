"""The verbs of the DAG's steps: each reads its arguments, calls one function, and says its state.

Called by the workflow, a step that fails has ended well: its state is in a file, and a cell of the board. Called by a
person, it ends with exit code 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scarena.base.progress import tell
from scarena.cli.progress import shown
from scarena.steps.door import IN_BOARD

if TYPE_CHECKING:
    from scarena.steps.config import BoardConfig

Out = Annotated[Path, typer.Option(help="file to write")]
Settings = Annotated[Path, typer.Option(help="the board's config.json (or its YAML)")]


def settled(settings: Path) -> BoardConfig:
    """Return a board's configuration, having settled what libraries ask the environment for as they are imported.

    The step's child is forked from this process where both have the same of it.
    """
    from scarena.steps.config import load_config
    from scarena.steps.supervise import thread_env

    config = load_config(settings)
    os.environ.update(thread_env(config.limits.threads, config.cache))
    return config


def say_state(answer: dict[str, Any], what: str) -> None:
    """Print how a step ended; leave with exit code 1 where a person asked for it and it did not end well."""
    print(f"{what}: {answer['state']} {answer['reason']}".rstrip(), file=sys.stderr)
    if answer["state"] != "ok" and IN_BOARD not in os.environ:
        raise typer.Exit(1)


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Show in a terminal, if there is one, what is being done meanwhile."""
    with shown(lines=False):
        tell(what)
        yield


def pull(
    dataset: str,
    out: Annotated[Path | None, typer.Option(help="file to write: which files they are, or why there are none")] = None,
    settings: Settings = Path("config/demo.yaml"),
) -> None:
    """Fetch a dataset's files, checked against their SHA-256."""
    config = settled(settings)
    from scarena.steps.pull import pull_step

    with doing(f"fetching {dataset}"):
        answer = pull_step(dataset, out, config)
    say_state(answer, f"pull {dataset}")


def prepare(dataset: str, sources: Path, out: Out, settings: Settings = Path("config/demo.yaml")) -> None:
    """Make the canonical h5ad of a pulled dataset."""
    config = settled(settings)
    from scarena.steps.prepare import prepare_step

    with doing(f"preparing {dataset}"):
        answer = prepare_step(dataset, sources, out, config)
    for note in answer.get("summary", {}).get("notes", []):
        print(f"{dataset}: {note}", file=sys.stderr)
    say_state(answer, f"prepare {dataset}")


def ontology(out: Out, settings: Settings = Path("config/demo.yaml")) -> None:
    """Write the Cell Ontology's graph and diffusion embedding."""
    config = settled(settings)
    from scarena.steps.ontology import ontology_step

    with doing("reading the ontology"):
        ontology_step(out, config)


def embed(
    model: str,
    dataset: Annotated[Path, typer.Argument(help="dataset.json of a prepared dataset")],
    out: Out,
    seed: int = 0,
    settings: Settings = Path("config/demo.yaml"),
    deployed: Annotated[bool, typer.Option(help="this is the conda environment or container of its card")] = False,
) -> None:
    """Run one model on one prepared dataset."""
    config = settled(settings)
    from scarena.steps.embed import embed_step

    with doing(f"running {model}"):
        record = embed_step(dataset, model, seed, out, config, deployed=deployed)
    say_state(record.model_dump(), f"embed {model} on {record.dataset}")


def environment(model: str, out: Out, settings: Settings = Path("config/demo.yaml")) -> None:
    """Make the virtual environment that a model's card asks for."""
    config = settled(settings)
    from scarena.steps.environment import environment_step

    with doing(f"making the environment of {model}"):
        answer = environment_step(model, out, config)
    say_state(answer, f"environment of {model}")


def reference(dataset: Path, ontology: Path, out: Out, settings: Settings = Path("config/demo.yaml")) -> None:
    """Compute what all scores of a prepared dataset share."""
    config = settled(settings)
    from scarena.steps.reference import reference_step

    with doing(f"computing what all scores of {dataset.parent.name} share"):
        answer = reference_step(dataset, ontology, out, config)
    say_state(answer, f"reference of {answer['dataset']}")


def score(record: Path, reference: Path, out: Out, settings: Settings = Path("config/demo.yaml")) -> None:
    """Score one run's embedding."""
    config = settled(settings)
    from scarena.steps.score import score_step

    with doing(f"scoring {record}"):
        answer = score_step(record, reference, out, config)
    say_state(answer, f"score {answer['model']} on {answer['dataset']}")


def umap(
    dataset: Path,
    out: Out,
    records: Annotated[list[Path], typer.Argument(help="record.json of each run")],
    settings: Settings = Path("config/demo.yaml"),
) -> None:
    """Write the UMAPs of a dataset's models."""
    config = settled(settings)
    from scarena.steps.umap import umap_step

    with doing(f"drawing UMAPs of {dataset.parent.name}"):
        answer = umap_step(dataset, records, out, config)
    say_state(answer, f"umap {dataset.parent.name}")


def board(out: Out, settings: Settings = Path("config/demo.yaml")) -> None:
    """Join all scores into board.json, board.parquet and board.npz."""
    config = settled(settings)
    from scarena.board.make import make_board, read_runs, write_board

    with doing("joining all scores"):
        runs = read_runs(config)
        write_board(make_board(config, runs), out, runs.replicates)
