"""The verbs of the DAG's steps: each reads its arguments, calls one function, and says its state."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    """Print how a step ended."""
    print(f"{what}: {answer['state']} {answer['reason']}".rstrip(), file=sys.stderr)


def pull(dataset: str, out: Out, settings: Settings = Path("config/demo.yaml")) -> None:
    """Fetch a dataset's files, checked against their SHA-256."""
    config = settled(settings)
    from scarena.steps.pull import pull_step

    say_state(pull_step(dataset, out, config), f"pull {dataset}")


def prepare(dataset: str, sources: Path, out: Out, settings: Settings = Path("config/demo.yaml")) -> None:
    """Make the canonical h5ad of a pulled dataset."""
    config = settled(settings)
    from scarena.steps.prepare import prepare_step

    answer = prepare_step(dataset, sources, out, config)
    say_state(answer, f"prepare {dataset}")
    for note in answer.get("summary", {}).get("notes", []):
        print(f"{dataset}: {note}", file=sys.stderr)


def ontology(out: Out, settings: Settings = Path("config/demo.yaml")) -> None:
    """Write the Cell Ontology's graph and diffusion embedding."""
    config = settled(settings)
    from scarena.steps.ontology import ontology_step

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

    record = embed_step(dataset, model, seed, out, config, deployed=deployed)
    say_state(record.model_dump(), f"embed {model} on {record.dataset}")


def environment(model: str, out: Out, settings: Settings = Path("config/demo.yaml")) -> None:
    """Make the virtual environment that a model's card asks for."""
    config = settled(settings)
    from scarena.steps.environment import environment_step

    say_state(environment_step(model, out, config), f"environment of {model}")


def reference(dataset: Path, ontology: Path, out: Out, settings: Settings = Path("config/demo.yaml")) -> None:
    """Compute what all scores of a prepared dataset share."""
    config = settled(settings)
    from scarena.steps.reference import reference_step

    answer = reference_step(dataset, ontology, out, config)
    say_state(answer, f"reference of {answer['dataset']}")


def score(record: Path, reference: Path, out: Out, settings: Settings = Path("config/demo.yaml")) -> None:
    """Score one run's embedding."""
    config = settled(settings)
    from scarena.steps.score import score_step

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

    say_state(umap_step(dataset, records, out, config), f"umap {dataset.parent.name}")


def board(out: Out, settings: Settings = Path("config/demo.yaml")) -> None:
    """Join all scores into board.json and board.parquet."""
    config = settled(settings)
    from scarena.board.make import make_board, write_board

    write_board(make_board(config), out)
