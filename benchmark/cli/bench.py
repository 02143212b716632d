"""`scarena bench`: speed and memory, measured and never asserted; prints the tables that the README quotes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from scarena.base.tables import print_table
from scarena.cli.progress import shown
from scarena.cli.usage import Verbs

app = typer.Typer(
    cls=Verbs, no_args_is_help=True, help="Measure speed and memory; prints the tables the README quotes."
)

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Out = Annotated[Path | None, typer.Option(help="write all that was measured to this JSON file")]


@app.command("board")
def bench_board(
    config: Annotated[Path, typer.Option(help="the board to time")] = Path("config/demo.yaml"),
    cores: int = 2,
) -> None:
    """Time a board from nothing, the rerun with nothing changed, and `scarena --help`."""
    from scarena.bench.board import time_board

    with shown(still=True):
        rows = time_board(config, cores)
    print_table(f"{config}, {cores} cores", ["what", "measured"], rows, as_json=False)


@app.command("step")
def bench_step(repeats: Annotated[int, typer.Option(min=1, help="timed runs of each step")] = 5) -> None:
    """Time what a step of a board costs beside its work, begun by itself and in a board."""
    from scarena.bench.step import COLUMNS, time_steps

    with shown(still=True):
        rows = time_steps(repeats)
    print_table("a step of a board", COLUMNS, rows, as_json=False)


@app.command("install")
def bench_install() -> None:
    """Time an install into a new, temporary environment."""
    from scarena.bench.board import time_install

    with shown(still=True):
        rows = time_install()
    print_table("install", ["what", "measured"], rows, as_json=False)


@app.command("kernels")
def bench_kernels(
    kernels: Annotated[
        list[str] | None, typer.Argument(help="pack, embed_tokens, attention, nb_loss, knn; all")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cuda or cpu; a GPU if there is one")] = None,
    out: Out = None,
) -> None:
    """Time the GPU kernels, or what a CPU has in their place, against their PyTorch twins."""
    from scarena.base.files import write_json
    from scarena.bench.kernels import rows, time_kernels

    with shown(still=True):
        found = time_kernels(kernels=tuple(kernels or ()), device=device)
    if out is not None:
        write_json(out, found)
    columns = ["kernel", "what", "state", "twin (ms)", "kernel (ms)", "ratio", "rate"]
    print_table(f"kernels, {found['threads']} threads", columns, rows(found), as_json=False)


@app.command("tasks")
def bench_tasks(
    cells: Annotated[int, typer.Option(min=500, help="cells of the embedding")] = 5000,
    dimensions: Annotated[int, typer.Option(min=2, help="of a cell's vector")] = 200,
    out: Out = None,
) -> None:
    """Time the tasks on a cell's vector, on one core, and their memory by the number of donors held out."""
    from scarena.base.files import write_json
    from scarena.bench.tasks import COLUMNS, rows, time_tasks

    with shown(still=True):
        found = time_tasks(cells, dimensions)
    if out is not None:
        write_json(out, found)
    print_table(f"tasks, {cells:,} cells x {dimensions}, 20 types, one core", COLUMNS, rows(found), as_json=False)


@app.command("genes")
def bench_genes(
    genes: Annotated[int, typer.Option(min=2000, help="genes with a vector")] = 19_000,
    dimensions: Annotated[int, typer.Option(min=17, help="of a gene's vector")] = 512,
    threads: Annotated[int, typer.Option(min=1, help="of what is read of vectors; the tasks take one")] = 2,
    out: Out = None,
) -> None:
    """Time the tasks on a gene's vector, and their memory: 400 sets, 61 tissues, a class, 290,000 pairs."""
    from scarena.base.files import write_json
    from scarena.bench.genes import COLUMNS, rows, time_genes

    with shown(still=True):
        found = time_genes(genes, dimensions, threads)
    if out is not None:
        write_json(out, found)
    print_table(f"tasks, {genes:,} genes x {dimensions}, {threads} threads", COLUMNS, rows(found), as_json=False)


@app.command("responses")
def bench_responses(
    perturbations: Annotated[
        int, typer.Option(min=20, help="perturbed genes, a fifth of them held out at a time")
    ] = 187,
    genes: Annotated[int, typer.Option(min=50, help="measured genes")] = 2000,
    threads: Annotated[int, typer.Option(min=1, help="of the models; small matrices wait for each other on more")] = 1,
    out: Out = None,
) -> None:
    """Time the models that predict responses to perturbations, the metrics on them, and their memory: five folds."""
    from scarena.base.files import write_json
    from scarena.bench.responses import COLUMNS, rows, time_responses

    with shown(still=True):
        found = time_responses(perturbations, genes, threads)
    if out is not None:
        write_json(out, found)
    title = f"responses, {perturbations:,} perturbations x {genes:,} genes, {threads} threads"
    print_table(title, COLUMNS, rows(found), as_json=False)


@app.command("adapters")
def bench_adapters(
    models: Annotated[list[str] | None, typer.Argument(help="scgpt, geneformer, uce; all")] = None,
    cells: Annotated[int, typer.Option(help="cells of each")] = 64,
    out: Out = None,
) -> None:
    """Time published encoders as the adapters run them, against the padded path of their authors."""
    from scarena.base.files import write_json
    from scarena.bench.adapters import COLUMNS, WHERE, time_adapters

    with shown(still=True):
        found = time_adapters(cells, tuple(models or ()))
    if out is not None:
        write_json(out, found)
    print_table(f"adapters, {cells} cells, {found['threads']} threads ({WHERE})", COLUMNS, found["rows"], as_json=False)


@app.command("ablation")
def bench_ablation(
    config: Annotated[Path, typer.Argument(help="variants, datasets, seeds")] = Path("config/ablation.yaml"),
    kept: Annotated[Path, typer.Option(help="JSON that holds every score; gone on with")] = Path(
        "results/reference/bench/ablation.json"
    ),
    cache: Annotated[Path, typer.Option(help="where pulled files and checkpoints are kept")] = Path(".cache"),
    as_json: AsJson = False,
) -> None:
    """Pretrain variants of scArena-FM's recipe with several seeds, and score each on a board's datasets."""
    import logging

    from scarena.bench import ablation
    from scarena.bench.ablation_config import read_config

    wanted = read_config(config)
    with shown(still=True):
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        rows = ablation.table(wanted, ablation.ablate(wanted, kept, cache))
    print_table(f"{config}, {len(wanted.seeds)} seeds, mean ± SD over seeds", ablation.COLUMNS, rows, as_json)


@app.command("fm")
def bench_fm(
    cells: Annotated[int, typer.Option(help="cells of the small transformer; others take a quarter or 16 times")] = 512,
    data: Annotated[Path | None, typer.Option(help="a prepared dataset to take cells from; made-up ones")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N")] = "cpu",
    repeats: Annotated[int, typer.Option(min=1, help="timed runs of each side after a warm-up")] = 3,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Time embedding with scArena-FM against scGPT's path rebuilt at the same size, on the same cells, in one run."""
    from scarena.base.files import write_json
    from scarena.bench import fm as measured

    with shown(still=True):
        found = measured.time_fm(cells, data=data, device=device, repeats=repeats)
    if out is not None:
        write_json(out, found)
    machine = found["hardware"]
    title = f"embedding, {found['threads']} threads of {machine['processor']}, {machine['capability']}"
    print_table(title, measured.COLUMNS, measured.table(found), as_json)
    for line in measured.notes(found):
        print(line, file=sys.stderr)


@app.command("metrics")
def bench_metrics(
    cells: Annotated[list[int] | None, typer.Option(help="cells of an embedding; 2,000, 20,000 and 100,000")] = None,
    alone: Annotated[int, typer.Option(help="cells to score with this package only")] = 0,
    threads: int = 2,
    out: Out = None,
) -> None:
    """Time the ten metrics of scIB against scib-metrics, in one run."""
    from scarena.base.files import write_json
    from scarena.bench import metrics as measured

    with shown(still=True):
        found = measured.time_metrics(cells or [2_000, 20_000, 100_000], threads, alone=alone)
    if out is not None:
        write_json(out, found)
    machine = found["hardware"]
    title = f"ten metrics, 50 dimensions, {threads} threads of {machine['processor']}"
    print_table(title, measured.COLUMNS, measured.rows(found), as_json=False)


@app.command("scale")
def bench_scale(
    cells: Annotated[list[int] | None, typer.Option(help="cells; 10,000, 100,000 and 1,000,000")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="where to make a folder for files of some 30 GB at a million cells")
    ] = None,
    memory_mb: Annotated[float, typer.Option(help="limit of each step")] = 20_000,
    threads: int = 2,
    form: Annotated[Literal["h5ad", "zarr"], typer.Option("--format", help="of the datasets")] = "h5ad",
    last: Annotated[str | None, typer.Option(help="step to stop after, as prepare; all of them")] = None,
    out: Out = None,
) -> None:
    """Time every step of a board on datasets of growing size, each in a process of its own."""
    import tempfile

    from scarena.base.files import write_json
    from scarena.bench import scale as measured
    from scarena.steps.config import Limits

    limits = Limits(timeout_s=4 * 3600, memory_mb=memory_mb, threads=threads)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with shown(still=True), tempfile.TemporaryDirectory(dir=folder) as place:
        found = measured.time_scale(Path(place), cells or [10_000, 100_000, 1_000_000], limits, form, last)
    if out is not None:
        write_json(out, found)
    print_table(f"a board's steps, {threads} threads", measured.columns(found), measured.rows(found), as_json=False)


@app.command("dag")
def bench_dag(models: int = 50, datasets: int = 40, seeds: int = 3) -> None:
    """Time the planning of a board of many made-up models and datasets."""
    from scarena.bench.dag import time_dag

    with shown(still=True):
        rows = time_dag(models, datasets, seeds)
    print_table("a dry run", ["what", "measured"], rows, as_json=False)


@app.command("page")
def bench_page(models: int = 100, datasets: int = 50) -> None:
    """Make the page of a made-up board, open it in Chromium, and print size, time and memory."""
    from scarena.bench.page import time_page

    with shown(still=True):
        rows = time_page(models, datasets)
    print_table("a board's page", ["what", "measured"], rows, as_json=False)


@app.command("suggest-map")
def bench_suggest_map(
    table: Annotated[
        list[Path] | None, typer.Option(help="labels and terms of your own, parted by a tab; may be repeated")
    ] = None,
    ontology: Annotated[str, typer.Option(help="an OBO file of the Cell Ontology; the pinned release")] = "package",
    as_json: AsJson = False,
) -> None:
    """Count how often the terms that dataset cards give their labels are proposed first, or among five."""
    from scarena.bench import suggest_map as measured

    with shown(still=True):
        found = measured.measure(table or (), ontology)
    print_table("labels whose term is proposed", measured.COLUMNS, found["found"], as_json)
    if not as_json:
        print_table("of the cards' pairs, by the best proposal", measured.RULE_COLUMNS, found["rules"], as_json=False)
        print_table("not proposed first", measured.MISSED_COLUMNS, found["missed"], as_json=False)
