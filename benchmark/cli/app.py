"""The command line. A verb reads its arguments, calls one function and prints; it alone pays for its imports.

Verbs stand in panels of the help text: what people come for first, the steps of the workflow near the end.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from scarena.base.errors import ConfigError, ScarenaError
from scarena.base.files import write_text
from scarena.base.progress import tell
from scarena.base.tables import print_table
from scarena.cli import boards as cli_boards
from scarena.cli import steps
from scarena.cli.bench import app as bench
from scarena.cli.corpus import app as corpus
from scarena.cli.fm import app as fm
from scarena.cli.own_h5ad import Genes
from scarena.cli.progress import shown
from scarena.cli.published import app as published
from scarena.cli.recommend import recommend
from scarena.cli.steps import Settings, say_state
from scarena.cli.submissions import check_submission, package_submission
from scarena.cli.suggest_map import map_for_card, suggest_map
from scarena.cli.usage import (
    BOARDS,
    DATA,
    MEASURE,
    MODELS,
    STEPS,
    USE,
    UsageError,
    Verbs,
    WithSnakemake,
    has_shown_help,
    one_line,
)

app = typer.Typer(
    cls=Verbs,
    name="scarena",
    help="Does a single-cell foundation model beat HVG, Harmony or scVI on data like yours?",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


def _version(asked: bool) -> None:
    if asked:
        from scarena import __version__

        print(f"scarena {__version__}")
        raise typer.Exit


@app.callback()
def scarena(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """Take the options of the command itself."""


@app.command(cls=WithSnakemake, rich_help_panel=USE)
def run(
    context: typer.Context,
    config: Annotated[Path, typer.Option(help="the board to make")] = Path("config/demo.yaml"),
    cores: Annotated[int | None, typer.Option(min=1, help="cores to use (all)")] = None,
    profile: Annotated[str | None, typer.Option(help="profile of snakemake, as profiles/slurm for a cluster")] = None,
    retry_failed: Annotated[bool, typer.Option(help="run failed models and scores again")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="say what would be done, and do nothing")] = False,
    verbose: Annotated[bool, typer.Option(help="print snakemake's own log, and no display of the progress")] = False,
) -> None:
    """Make a board: only what is missing or stale is computed. Options of snakemake go after `--`."""
    from scarena.base.shipped import shipped
    from scarena.cli.run import run_board

    own = [*(["--profile", str(shipped(Path(profile)))] if profile else []), *(["--dry-run"] if dry_run else [])]
    raise typer.Exit(run_board(config, cores, [*own, *context.args], retry_failed=retry_failed, verbose=verbose))


app.command(rich_help_panel=USE)(recommend)
app.add_typer(fm, name="fm", rich_help_panel=USE)


@app.command(rich_help_panel=DATA)
def datasets(as_json: AsJson = False) -> None:
    """List the dataset cards."""
    from scarena.cli.listing import DATASET_COLUMNS, dataset_rows

    print_table("Datasets", DATASET_COLUMNS, dataset_rows(Path("config/datasets")), as_json)


@app.command(rich_help_panel=MODELS)
def models(as_json: AsJson = False) -> None:
    """List the models."""
    from scarena.cli.listing import MODEL_COLUMNS, model_rows

    print_table("Models", MODEL_COLUMNS, model_rows(), as_json)


@app.command(rich_help_panel=MEASURE)
def tasks(
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="print docs/tasks.md")] = False,
) -> None:
    """List the tasks: what a board can ask of models."""
    if as_markdown:
        from scarena.cli.task_docs import markdown

        print(markdown(), end="")
        return
    from scarena.cli.listing import TASK_COLUMNS, task_rows

    print_table("Tasks", TASK_COLUMNS, task_rows(), as_json)


@app.command(rich_help_panel=MEASURE)
def metrics(
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="print docs/metrics.md")] = False,
) -> None:
    """List the metrics."""
    if as_markdown:
        from scarena.cli.metric_docs import markdown

        print(markdown(), end="")
        return
    from scarena.cli.listing import METRIC_COLUMNS, metric_rows

    print_table("Metrics", METRIC_COLUMNS, metric_rows(), as_json)


@app.command(rich_help_panel=MEASURE)
def reproduce(
    what: Annotated[str, typer.Argument(help="which published table")] = "pancreas",
    models: Annotated[list[str] | None, typer.Option("--model", help="only this model; may be repeated")] = None,
    cache: Annotated[Path, typer.Option(help="where pulled files are kept")] = Path(".cache"),
    device: Annotated[str, typer.Option(help="where models run")] = "cpu",
    as_json: AsJson = False,
) -> None:
    """Score baselines on a published dataset beside the published numbers; exit code 3 where they do not agree."""
    from scarena.bench.publications import COLUMNS, load_published
    from scarena.bench.reproduce import reproduce as again

    published = load_published(what)
    with shown():
        found = again(published, cache=cache, models=models, device=device, say=tell)
    if found.skipped:
        print(f"skipped: {found.skipped}")
        return
    print_table(f"{published.dataset}, ours and published", COLUMNS, [row.entries() for row in found.rows], as_json)
    for line in (*(f"{s.name}: {s.where}" for s in published.sources), *published.notes):
        print(line, file=sys.stderr)
    raise typer.Exit(0 if all(row.holds for row in found.rows) else 3)


@app.command("add-dataset", rich_help_panel=DATA)
def add_dataset(
    file: Annotated[Path, typer.Argument(help="h5ad, h5mu, loom, zarr store, 10x h5 or folder, csv, tsv or R matrix")],
    batch: Annotated[str, typer.Option(help="column of the cells with the batch")],
    label: Annotated[str, typer.Option(help="column of the cells with the cell type")],
    ontology_map: Annotated[Path | None, typer.Option(help="YAML: label -> CL id (or null)")] = None,
    name: Annotated[str | None, typer.Option(help="name of the dataset (the file's)")] = None,
    folder: Annotated[Path, typer.Option(help="where cards of your own live")] = Path("config/datasets"),
    layer: Annotated[str | None, typer.Option(help="layer with the raw counts, or raw (X)")] = None,
    genes: Genes = None,
    depth: Annotated[
        str | None, typer.Option(help="column with each cell's total: counts from log1p of counts per 10,000")
    ] = None,
    cells: Annotated[Path | None, typer.Option(help="table of cells beside a file that has none")] = None,
    terms: Annotated[str | None, typer.Option(help="column of the cells with Cell Ontology terms")] = None,
    one_batch: Annotated[bool, typer.Option("--one-batch", help="there is one batch: no metrics of batches")] = False,
    replace: Annotated[bool, typer.Option(help="replace the card of another file with this name")] = False,
    cache: Annotated[Path, typer.Option(help="where the gene table is kept")] = Path(".cache"),
    suggest: Annotated[
        bool, typer.Option("--suggest", help="also write a map of proposed terms, to be corrected; it is not applied")
    ] = False,
    tissue: Annotated[str, typer.Option(help="with --suggest: where the cells come from, as: pancreas")] = "",
) -> None:
    """Write a validated card for your own human cells; it joins the next board. What was assumed is said."""
    from scarena.cli.own_dataset import add_dataset as add
    from scarena.cli.own_reader import OwnFile

    if suggest and ontology_map is not None:
        raise ConfigError("one of them alone", where="--suggest, --ontology-map", fix="correct the map, then give it")
    own = OwnFile(file, batch, label, layer, genes, depth, cells, terms, ontology_map, one_batch)
    said: list[str] = []
    with shown():
        suggested = map_for_card(file, label, cells, tissue=tissue) if suggest else None
        path, lines = add(own, name=name, folder=folder, replace=replace, cache=cache, say=said.append)
    print("\n".join(said), file=sys.stderr)
    print("\n".join([f"wrote {path}", *lines]))
    if suggested is not None:
        out, text, said = suggested
        write_text(out, text)
        print("\n".join(said))


@app.command("new-model", rich_help_panel=MODELS)
def new_model(name: str) -> None:
    """Write a working adapter file and its test."""
    from scarena.cli.scaffold import new_model as new

    for path in new(name):
        print(f"wrote {path}")
    print(f"to run it, add {name} to `models:` of a board's configuration")


@app.command("check-model", rich_help_panel=MODELS)
def check_model(
    name: Annotated[str | None, typer.Argument(help="a model, see `scarena models`")] = None,
    every: Annotated[bool, typer.Option("--all", help="every model")] = False,
    checkpoint: Annotated[Path | None, typer.Option(help="folder of a checkpoint to check it with")] = None,
    cache: Annotated[Path, typer.Option(help="where the environments are that cards ask for")] = Path(".cache"),
    as_json: AsJson = False,
) -> None:
    """Check that a model keeps the promises of the protocol, on small made-up cells; exit code 1 where it does not."""
    from scarena.models.registry import all_models
    from scarena.testing import CHECKS
    from scarena.testing import check_model as check

    if every == (name is not None) or (every and checkpoint):
        raise ConfigError("one model or all", where="check-model", fix="give NAME [--checkpoint PATH], or --all")
    with shown():
        found = [result for each in ([name] if name else all_models()) for result in check(each, checkpoint, cache)]
    told = {check.name: check.statement for check in CHECKS.values()}
    rows = [[r.model, r.check, r.state, r.reason or told.get(r.check, "")] for r in found]
    print_table("Conformance", ["model", "check", "state", "reason"], rows, as_json)
    raise typer.Exit(int(any(r.state == "failed" for r in found)))


@app.command(rich_help_panel=MODELS)
def submit(
    dataset: Annotated[str, typer.Argument(help="a dataset of the board")],
    embedding: Annotated[Path, typer.Argument(help="vectors by cell name: .npz, .csv, .parquet or .h5ad")],
    card: Annotated[Path, typer.Option(help="YAML with the keys of a model card")],
    settings: Settings = Path("config/demo.yaml"),
    key: Annotated[str | None, typer.Option(help="entry of obsm, where an .h5ad has several")] = None,
) -> None:
    """Put an embedding that was computed elsewhere on a board; the next `scarena run` scores it."""
    from scarena.steps.config import load_config
    from scarena.steps.submissions import submit as put

    kept = put(dataset, embedding, card, load_config(settings), key)
    print(f"kept {kept}; `scarena run --config {settings}` scores it")


@app.command("submit-genes", rich_help_panel=MODELS)
def submit_genes(
    name: Annotated[str, typer.Argument(help="what the board is to call it")],
    vectors: Annotated[Path, typer.Argument(help="by Ensembl id or symbol: .npz, .csv, .parquet or .h5ad")],
    card: Annotated[Path | None, typer.Option(help="YAML with the keys of a model card")] = None,
    settings: Settings = Path("config/demo.yaml"),
    key: Annotated[str | None, typer.Option(help="entry of obsm, where an .h5ad has several")] = None,
    dataset: Annotated[str | None, typer.Option(help="say how many genes of this dataset are known")] = None,
) -> None:
    """Put vectors of genes on a board; the next `scarena run` scores them on every dataset of genes."""
    from scarena.steps.config import load_config
    from scarena.steps.submitted_genes import submit_genes as put

    kept = put(name, vectors, load_config(settings), card_file=card, key=key, dataset=dataset)
    print("\n".join(kept.notes))
    print(f"kept {kept.path}; `scarena run --config {settings}` scores it")


@app.command("submit-response", rich_help_panel=MODELS)
def submit_response(
    dataset: Annotated[str, typer.Argument(help="a dataset of perturbations of the board")],
    predictions: Annotated[Path, typer.Argument(help="a row a profile, a column a gene: .npz, .csv, .parquet, .h5ad")],
    card: Annotated[Path, typer.Option(help="YAML with the keys of a model card")],
    settings: Settings = Path("config/perturbation.yaml"),
) -> None:
    """Put predicted responses that were computed elsewhere on a board; the next `scarena run` scores them."""
    from scarena.steps.config import load_config
    from scarena.steps.submitted_responses import submit_response as put

    kept = put(dataset, predictions, card, load_config(settings))
    print("\n".join(kept.notes))
    print(f"kept {kept.path}; `scarena run --config {settings}` scores it")


@app.command(rich_help_panel=MODELS)
def deposit(
    files: Annotated[list[Path], typer.Argument(help="YAML with dataset, file and card, as config/deposited/*.yaml")],
    settings: Settings = Path("config/perturbation.yaml"),
) -> None:
    """Put predictions that others published on a board, pulled by checksum; the next `scarena run` scores them."""
    from scarena.steps.config import load_config
    from scarena.steps.deposits import put_deposit

    config = load_config(settings)
    for file in files:
        kept = put_deposit(file, config)
        print(f"{file}: {'; '.join(kept.notes)}")
    print(f"`scarena run --config {settings}` scores them")


@app.command("config-schema", rich_help_panel=BOARDS)
def config_schema() -> None:
    """Print the JSON schema of a board's configuration."""
    from scarena.steps.config import json_schema

    print(json.dumps(json_schema(), indent=1, sort_keys=True))


@app.command(rich_help_panel=MODELS)
def pretrain(
    config: Annotated[Path, typer.Argument(help="config/pretrain.yaml")],
    out: Annotated[Path, typer.Option(help="folder of the checkpoint")],
    cache: Annotated[Path, typer.Option(help="where pulled files and the training's state are kept")] = Path(".cache"),
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N")] = "cpu",
    corpus: Annotated[Path | None, typer.Option(help="with --settings: what `corpus ensure` wrote")] = None,
    settings: Annotated[
        Path | None, typer.Option(help="the board's config.json: its cache, device and limits; failures become states")
    ] = None,
) -> None:
    """Pretrain scArena-FM on a list of dataset cards; an interrupted run goes on where it was."""
    if settings is not None and corpus is not None:
        from scarena.steps.config import load_config
        from scarena.steps.pretrain import pretrain_step

        with steps.doing("training"):
            answer = pretrain_step(config, corpus, out, load_config(settings))
        say_state(answer, f"pretrain {answer['name']}")
        return
    if settings is not None or corpus is not None:
        raise ConfigError("one of them alone", where="pretrain: --settings, --corpus", fix="give both, or neither")
    from scarena.base.untrusted import read_yaml
    from scarena.models.foundation.pretrain import pretrain as train

    read_yaml(config, ConfigError, fix="see config/pretrain.yaml")
    with shown():
        train(config, out, cache, None, device=device)


app.command("package-submission", rich_help_panel=BOARDS)(package_submission)
app.command("check-submission", rich_help_panel=BOARDS)(check_submission)
app.add_typer(corpus, name="corpus", rich_help_panel=DATA)
app.command("suggest-map", rich_help_panel=DATA)(suggest_map)
for verb in (cli_boards.report, cli_boards.diff, cli_boards.merge, cli_boards.verify, cli_boards.crate):
    app.command(rich_help_panel=BOARDS)(verb)
for step in (
    steps.pull,
    steps.prepare,
    steps.ontology,
    steps.environment,
    steps.embed,
    steps.reference,
    steps.score,
    steps.umap,
    steps.board,
):
    app.command(rich_help_panel=STEPS)(step)
app.add_typer(bench, name="bench", rich_help_panel=MEASURE)
app.add_typer(published, name="published", rich_help_panel=BOARDS)


def main() -> None:
    """Run the command line; a known error is one line on stderr and an exit code."""
    try:
        # Under every name that it is started by: a script, a module, the warm process.
        sys.exit(app(prog_name="scarena", standalone_mode=False))
    except UsageError as error:
        if has_shown_help(error):
            sys.exit(ConfigError.exit_code)
        _end(one_line(error))
    except ScarenaError as error:
        _end(error)
    except OSError as error:
        from scarena.base.files import workspace_error

        if (found := workspace_error(error)) is None:
            raise
        _end(found)


def _end(error: ScarenaError) -> NoReturn:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
