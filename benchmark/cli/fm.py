"""`scarena fm`: what to do with a pretrained model, from an h5ad with raw counts to vectors, labels and genes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scarena.cli.own_h5ad import Column, Genes, source_of
from scarena.cli.progress import shown
from scarena.cli.usage import Verbs

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.foundation.use import Source


app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    help="Use a pretrained model: embed, adapt, fine-tune, annotate, and look into its genes.",
)

File = Annotated[Path, typer.Argument(help="h5ad with raw counts; human genes by Ensembl id or symbol")]
Checkpoint = Annotated[
    Path | None, typer.Option(help="folder of a checkpoint, or student or nano (the shipped student)")
]
Layer = Annotated[str | None, typer.Option(help="layer with the counts, or raw (X)")]
Label = Annotated[str, typer.Option(help="column of obs with the labels")]
Batch = Annotated[str | None, typer.Option(help="column of obs with the batch (all cells are one batch)")]
Vectors = Annotated[Path, typer.Option(help=".npz, or .h5ad: the file with obsm['X_scarena_fm']")]
Table = Annotated[Path | None, typer.Option(help="write the whole table to this CSV file")]
Seed = Annotated[int, typer.Option(help="of all draws")]
Cache = Annotated[Path, typer.Option(help="where pulled files are kept")]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:N")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
_CACHE = Path(".cache")
# Below this share of the genes that an annotator was trained on, its user is told.
_COVERED = 0.7


def _show(table: pd.DataFrame, as_json: bool, out: Path | None = None) -> None:
    if out is not None:
        from scarena.models.foundation.use_data import write_table

        write_table(out, table)
    if as_json:
        print(table.reset_index().to_json(orient="records", indent=1))
    else:
        print(table.to_string(float_format="{:.4f}".format, na_rep=""))


def _free(out: Path | None, *inputs: Path | None) -> None:
    """Refuse an output that could not be written, before a model is opened or anything computed."""
    from scarena.base.files import check_output

    if out is not None:
        check_output(out, *inputs)


def _many(names: list[str] | None) -> list[str]:
    return [name.strip() for each in names or [] for name in each.split(",") if name.strip()]


@app.command()
def embed(
    file: File, out: Vectors, checkpoint: Checkpoint = None, layer: Layer = None, genes: Genes = None,
    cache: Cache = _CACHE, device: Device = "cpu",
) -> None:  # fmt: skip
    """One vector a cell, from the model as it is."""
    from scarena.models.foundation.use import embed_file, open_checkpoint

    _free(out, file)
    source = source_of(file, layer, genes, cache)
    with shown():
        n_cells, width = embed_file(source, out, open_checkpoint(checkpoint), device)
    print(f"wrote {out}: {n_cells:,} cells, {width} dimensions")


@app.command()
def adapt(
    file: File, batch: Annotated[str, typer.Option(help="column of obs with the batch")], out: Vectors,
    model: Annotated[Path | None, typer.Option(help="keep the adapted model in this folder")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="of training (bag 100, transformer 50)")] = None,
    checkpoint: Checkpoint = None, layer: Layer = None, genes: Genes = None, seed: Seed = 0, cache: Cache = _CACHE,
    device: Device = "cpu",
) -> None:  # fmt: skip
    """One vector a cell, after some label-free training on the cells themselves."""
    from scarena.models.foundation.use import adapt_file, open_checkpoint

    _free(out, file)
    source = source_of(file, layer, genes, cache, batch=batch)
    with shown():
        loaded = open_checkpoint(checkpoint)
        n_cells, width = adapt_file(source, out, loaded, keep=model, steps=steps, seed=seed, device=device)
    print(f"wrote {out}: {n_cells:,} cells, {width} dimensions")
    if model is not None:
        print(f"wrote {model}: the adapted model")


@app.command()
def finetune(
    file: File, label: Label, out: Annotated[Path, typer.Option(help="folder of the annotator")],
    mode: Annotated[str, typer.Option(help="head (frozen encoder), lora (adapters) or full")] = "lora",
    batch: Batch = None, steps: Annotated[int | None, typer.Option(help="at most")] = None,
    freeze_blocks: Annotated[int, typer.Option(help="first blocks of a transformer that stay as they are")] = 0,
    balance: Annotated[str, typer.Option(help="labels alike by sampling or by weights, or none")] = "sampling",
    among: Annotated[Path | None, typer.Option(help="h5ad to annotate later: only genes that it measures")] = None,
    checkpoint: Checkpoint = None, layer: Layer = None, genes: Genes = None, seed: Seed = 0, cache: Cache = _CACHE,
    device: Device = "cpu",
) -> None:  # fmt: skip
    """Train a model to name cell types; cells without a label are left out."""
    from scarena.models.foundation.use import finetune_file, open_checkpoint

    settings: dict[str, Any] = {"mode": mode, "freeze_blocks": freeze_blocks, "balance": balance}
    settings |= {} if steps is None else {"steps": steps}
    source = source_of(file, layer, genes, cache, batch=batch, label=label)
    measured = None if among is None else source_of(among, None, None, cache)
    with shown():
        loaded = open_checkpoint(checkpoint)
        said = finetune_file(source, out, loaded, settings, among=measured, seed=seed, device=device)
    cells, held = said["cells"], said["held_out"]
    print(
        f"wrote {out}: {len(cells)} labels from {sum(cells.values()):,} cells, {said['unlabelled']:,} without a label"
    )
    if not said["curve"]:
        print(f"{said['steps']} steps; no cell could be held out to choose their number")
        return
    best = next(row for row in said["curve"] if row["step"] == said["steps"])
    by = ", ".join(held["batches"]) or "a share of every label's"
    print(f"{said['steps']} steps, chosen on {held['cells']:,} cells held out by {held['by']} ({by}):")
    print(f"accuracy {best['accuracy']:.3f} on them, a mean over labels")


@app.command()
def annotate(
    folder: Annotated[
        Path, typer.Argument(help="folder that `fm finetune` wrote; or student, for types of its atlas, without labels")
    ],
    file: File,
    out: Annotated[Path, typer.Option(help="CSV: cell, label and more; see docs/foundation-model-use.md")],
    every_label: Annotated[bool, typer.Option(help="a column with each label's probability too")] = False,
    layer: Layer = None, genes: Genes = None, cache: Cache = _CACHE, device: Device = "cpu",
) -> None:  # fmt: skip
    """Name cell types: with a fine-tuned model its own labels, with a pretrained one the nearest types of its atlas."""
    from scarena.models.foundation.use import annotate_file, knows_atlas

    _free(out, file)
    source = source_of(file, layer, genes, cache)
    if knows_atlas(folder):
        return _name_types(folder, source, out, every_label=every_label, device=device)
    with shown():
        found, share = annotate_file(folder, source, out, every_label=every_label, device=device)
    print(f"wrote {out}: {len(found):,} cells, {int(found['label'].isna().sum()):,} of them without a known gene")
    if share < _COVERED:
        fix = f"fine-tune with --among {file} for labels that can be relied on"
        print(f"the file measures {share:.0%} of the genes that the model was fine-tuned on; {fix}", file=sys.stderr)
    print(found["label"].value_counts().to_string(header=False))


def _name_types(folder: Path, source: Source, out: Path, *, every_label: bool, device: str) -> None:
    from scarena.base.errors import ConfigError
    from scarena.models.foundation.use import name_types_file, open_checkpoint

    with shown():
        if every_label:
            what, fix = "types of an atlas have no probabilities", "leave the option out, or fine-tune on your labels"
            raise ConfigError(what, where="--every-label", fix=fix)
        found = name_types_file(source, out, open_checkpoint(folder), device)
    far = int(found["label"].isna().sum())
    print(f"wrote {out}: {len(found):,} cells, {far:,} of them near no type of the atlas")
    terms = found.dropna(subset=["label"]).groupby(["label", "term"]).size().sort_values(ascending=False)
    print(terms.to_string())


@app.command()
def probe(
    file: File, label: Label, batch: Batch = None, out: Table = None, as_json: AsJson = False,
    checkpoint: Checkpoint = None, layer: Layer = None, genes: Genes = None, seed: Seed = 0, cache: Cache = _CACHE,
    device: Device = "cpu",
) -> None:  # fmt: skip
    """How well a straight cut tells labels apart in a batch left out; --out gets each cell's prediction."""
    from scarena.models.foundation.use import open_checkpoint, probe_file
    from scarena.models.foundation.use_data import write_table

    _free(out, file)
    source = source_of(file, layer, genes, cache, batch=batch, label=label)
    with shown():
        found = probe_file(source, open_checkpoint(checkpoint), seed=seed, device=device)
    _show(found.folds, as_json)
    if out is not None:
        write_table(out, found.cells)


@app.command()
def genes(
    gene: Annotated[str, typer.Argument(help="symbol or Ensembl id")],
    table: Annotated[str, typer.Option(help="decoder, bag, or encoder (transformers)")] = "decoder",
    n: Annotated[int, typer.Option(help="how many")] = 10,
    among: Annotated[Path | None, typer.Option(help="h5ad: only genes that it measures")] = None,
    layer: Layer = None, column: Genes = None, out: Table = None, as_json: AsJson = False,
    checkpoint: Checkpoint = None, cache: Cache = _CACHE,
) -> None:  # fmt: skip
    """Genes whose vectors are nearest to a gene's."""
    from scarena.models.foundation.use import near_genes, open_checkpoint

    _free(out, among)
    measured = None if among is None else source_of(among, layer, column, cache)
    with shown():
        found = near_genes(gene, open_checkpoint(checkpoint), table, n, cache, measured)
    _show(found, as_json, out)


@app.command()
def network(
    file: File, by: Annotated[str, typer.Option(help="jacobian, or attention (transformers)")] = "jacobian",
    genes: Annotated[list[str] | None, typer.Option(help="symbols or ids, by comma or repeated (--top)")] = None,
    top: Annotated[int, typer.Option(help="genes that vary most, where none are named")] = 50,
    pairs: Annotated[int, typer.Option(help="how many to return")] = 20,
    block: Annotated[int | None, typer.Option(help="of a transformer, from 0 (all)")] = None,
    cells: Annotated[int, typer.Option(help="drawn at random, at most")] = 500,
    layer: Layer = None, column: Column = None, out: Table = None, as_json: AsJson = False,
    checkpoint: Checkpoint = None, seed: Seed = 0, cache: Cache = _CACHE, device: Device = "cpu",
) -> None:  # fmt: skip
    """Pairs of genes that the model relates, a mean over cells: by where it looks, or by what it decodes."""
    from scarena.models.foundation.use import network_of_file, open_checkpoint

    _free(out, file)
    source = source_of(file, layer, column, cache)
    with shown():
        found = network_of_file(
            source, open_checkpoint(checkpoint), by=by, genes=_many(genes), top=top, n_pairs=pairs, block=block,
            n_cells=cells, seed=seed, device=device,
        )  # fmt: skip
    columns = ["source_symbol", "target_symbol", "score", "cells", "source", "target"]
    _show(found[columns].rename_axis("pair"), as_json, out)


@app.command()
def knockout(
    file: File, genes: Annotated[list[str], typer.Option(help="symbols or ids, by comma or repeated")],
    factor: Annotated[float, typer.Option(help="what counts are multiplied by: 0 knocks out")] = 0.0,
    label: Annotated[str | None, typer.Option(help="column of obs with the labels, for --toward")] = None,
    toward: Annotated[str | None, typer.Option(help="label of the group that shifts are measured towards")] = None,
    cells: Annotated[int | None, typer.Option(help="drawn at random of those that express a gene (all)")] = None,
    out: Annotated[Path | None, typer.Option(help="write each cell's shifts to this CSV file")] = None,
    as_json: AsJson = False, checkpoint: Checkpoint = None, layer: Layer = None, column: Column = None,
    seed: Seed = 0, cache: Cache = _CACHE, device: Device = "cpu",
) -> None:  # fmt: skip
    """How far cells move when a gene is taken away or multiplied, in the cells that express it."""
    from scarena.models.foundation.use import knock_out_file, open_checkpoint
    from scarena.models.foundation.use_data import write_table

    _free(out, file)
    source = source_of(file, layer, column, cache, label=label)
    with shown():
        found = knock_out_file(
            source, open_checkpoint(checkpoint), _many(genes), factor=factor, toward=toward, n_cells=cells, seed=seed,
            device=device,
        )  # fmt: skip
    _show(found.genes, as_json)
    if out is not None:
        write_table(out, found.shifts.rename_axis("cell"))


@app.command()
def sizes(as_json: AsJson = False) -> None:
    """Sizes that models come in: all parameters, and those outside the tables with a row for every gene."""
    from scarena.models.foundation.use import model_sizes

    table = model_sizes()
    # A bag has no layers: as text an empty place, where pandas would write <NA>.
    _show(table if as_json else table.astype(object).where(table.notna(), ""), as_json)
