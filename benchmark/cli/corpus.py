"""`scarena corpus`: the cells and profiles a model is pretrained on, and whether a dataset is among them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scarena.base.progress import tell
from scarena.cli.progress import shown
from scarena.cli.usage import Verbs

if TYPE_CHECKING:
    from scarena.models.foundation.corpus.config import CorpusConfig

app = typer.Typer(
    cls=Verbs, no_args_is_help=True, help="Build a pretraining corpus, and audit what a model was trained on."
)

Cache = Annotated[Path, typer.Option(help="where pulled files are kept")]
Settings = Annotated[Path, typer.Option(help="the board's config.json (or its YAML)")]


@app.command()
def build(
    config: Annotated[Path, typer.Argument(help="YAML: cards, h5ad files or a Census query")],
    out: Annotated[Path, typer.Option(help="folder of the corpus")],
    cache: Cache = Path(".cache"),
) -> None:
    """Build a corpus of shuffled shards from cards, h5ad files or the CELLxGENE Census."""
    import numpy as np

    from scarena.base.files import check_output
    from scarena.base.untrusted import reading
    from scarena.models.foundation.corpus.build import build as make

    wanted = _config(config)
    check_output(out, folder=True)
    # A number that is no count is named in the error; numpy would say so a second time.
    with shown(), reading(config, what="no corpus", fix="write its files again"), np.errstate(invalid="ignore"):
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        manifest = make(wanted, out, cache)
    genes, groups = manifest["vocabulary"]["genes"], len(manifest["groups"])
    print(f"wrote {out}: {manifest['cells']:,} cells, {genes:,} genes, {groups} groups, {manifest['shards']} shards")
    if manifest["cells_dropped"]:
        print(f"left out {manifest['cells_dropped']:,} cells without a count over the vocabulary")


def _config(path: Path) -> CorpusConfig:
    from scarena.base.errors import ConfigError
    from scarena.base.untrusted import check_regular, read_yaml
    from scarena.models.foundation.corpus.config import read_config

    read_yaml(path, ConfigError, fix="give a YAML file")
    found = read_config(path)
    if found.vocabulary is not None:
        check_regular(found.vocabulary, ConfigError, most=16 << 20, fix="give a file with one Ensembl id a line")
    return found


@app.command()
def atlas(
    config: Annotated[Path, typer.Argument(help="YAML, as config/atlas.yaml: published atlases, tables, h5ad files")],
    out: Annotated[Path, typer.Option(help="h5ad to write")],
    cache: Cache = Path(".cache"),
) -> None:
    """Put expression profiles of cell types from many sources into one file, none of them of a benchmark's study."""
    from scarena.base.files import check_output
    from scarena.base.untrusted import reading
    from scarena.models.foundation.atlas.build import build_atlas
    from scarena.models.foundation.atlas.config import read_config
    from scarena.models.foundation.atlas.store import write_atlas
    from scarena.models.foundation.atlas.summary import lines

    wanted = read_config(config)
    check_output(out, config, *(each.path for each in wanted.tables), *(each.path for each in wanted.h5ad))
    with shown(), reading(config, what="no atlas", fix="write its files again"):
        profiles = build_atlas(wanted, cache, own=Path("config/datasets"))
        tell(f"writing {out.name}")
        write_atlas(profiles, out)
    print("\n".join(lines(profiles)))
    print(f"wrote {out}")


@app.command()
def ensure(
    config: Annotated[Path, typer.Argument(help="YAML of a pretraining, as config/pretrain.yaml")],
    out: Annotated[Path, typer.Option(help="JSON file to write: which corpus, or why there is none")],
    settings: Settings,
) -> None:
    """Build the corpus of a board's pretraining where the cache lacks it."""
    from scarena.cli.steps import doing, say_state
    from scarena.steps.config import load_config
    from scarena.steps.pretrain import corpus_step

    with doing("building the corpus"):
        answer = corpus_step(config, out, load_config(settings))
    say_state(answer, f"corpus of {answer['pretraining']}")


@app.command()
def audit(
    model: Annotated[
        str, typer.Argument(help="folder of a corpus or checkpoint, h5ad of an atlas, or name of a model")
    ],
    dataset: Annotated[str, typer.Argument(help="name of a dataset card, or a prepared h5ad")],
    cache: Cache = Path(".cache"),
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    settings: Annotated[Path | None, typer.Option(help="the board whose pretraining MODEL@NAME is of")] = None,
) -> None:
    """Say whether a model was trained on a dataset's study, donors or cells; exit code 0 whatever the answer."""
    from scarena.models.foundation.corpus.lookup import audit_model
    from scarena.steps.config import load_config
    from scarena.steps.pretraining import checkpoints_of

    made = checkpoints_of(load_config(settings)) if settings is not None else {}
    with shown():
        tell(f"comparing {dataset} with what {model} was trained on")
        found = audit_model(model, dataset, cache, own=Path("config/datasets"), checkpoints=made)
    print(found.to_json() if as_json else "\n".join(found.lines()))
