"""`scarena corpus`: the cells a model is pretrained on, and whether a dataset is among them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Build a pretraining corpus, and audit what a model was trained on.")

Cache = Annotated[Path, typer.Option(help="where pulled files are kept")]


@app.command()
def build(
    config: Annotated[Path, typer.Argument(help="YAML: cards, h5ad files or a Census query")],
    out: Annotated[Path, typer.Option(help="folder of the corpus")],
    cache: Cache = Path(".cache"),
) -> None:
    """Build a corpus of shuffled shards from cards, h5ad files or the CELLxGENE Census."""
    from scarena.models.foundation.corpus.build import build as make
    from scarena.models.foundation.corpus.config import read_config

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    manifest = make(read_config(config), out, cache)
    genes, groups = manifest["vocabulary"]["genes"], len(manifest["groups"])
    print(f"wrote {out}: {manifest['cells']:,} cells, {genes:,} genes, {groups} groups, {manifest['shards']} shards")
    if manifest["cells_dropped"]:
        print(f"left out {manifest['cells_dropped']:,} cells without a count over the vocabulary")


@app.command()
def audit(
    model: Annotated[str, typer.Argument(help="folder of a corpus or checkpoint, or the name of a model")],
    dataset: Annotated[str, typer.Argument(help="name of a dataset card, or a prepared h5ad")],
    cache: Cache = Path(".cache"),
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Say whether a model was trained on a dataset's study, donors or cells; exit code 0 whatever the answer."""
    from scarena.models.foundation.corpus.lookup import audit_model

    found = audit_model(model, dataset, cache, own=Path("config/datasets"))
    print(found.to_json() if as_json else "\n".join(found.lines()))
