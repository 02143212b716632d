"""The verb `scarena recommend`; what it finds is in `scarena.cli.recommendation`."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scarena.base.errors import ConfigError
from scarena.base.progress import tell
from scarena.base.tables import aligned
from scarena.cli.own_h5ad import Genes, say, source_of
from scarena.cli.progress import shown

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.cli.recommendation import Advice, Suggestion

_BOARDS = (Path("results/full/board.json"), Path("results/reference/full/board.json"))
_COLUMNS = ["model", "expected total", "board's mean", "minutes", "trains on your cells", "sees labels"]


def recommend(
    file: Annotated[Path, typer.Argument(help="h5ad with raw counts of human genes")],
    batch: Annotated[str, typer.Option(help="column of obs with the batch")],
    label: Annotated[
        str | None, typer.Option(help="column of obs with types or clusters: ROGI is then measured on your cells")
    ] = None,
    layer: Annotated[str | None, typer.Option(help="where the counts are; X where not given")] = None,
    genes: Genes = None,
    board: Annotated[Path | None, typer.Option(help="board.json to learn from; the full board's")] = None,
    measured: Annotated[
        str, typer.Option(help="with --label: models to measure, by comma; each is run on your cells")
    ] = "hvg,pca,scarena-fm-student",
    cells: Annotated[int, typer.Option(help="with --label: cells drawn at random for that")] = 5000,
    cache: Annotated[Path, typer.Option(help="where the gene table is kept")] = Path(".cache"),
    as_json: Annotated[bool, typer.Option("--json", help="print JSON for machines")] = False,
) -> None:
    """Say which models to try on your cells, with the evidence and the cost."""
    notes: list[str] = []
    with shown():
        data = source_of(file, layer, genes, cache, batch=batch, label=label, said=notes.append).read(symbols=True)
        found = _advice(data, _board(board))
        if label is not None:
            found = _with_roughness(found, data, measured.split(","), cells)
    # Not before: where it cannot be told, the reason is the one line that there is to read.
    for note in notes:
        say(note)
    print(_json(found) if as_json else _text(found, data.n_obs, labelled=label is not None))


def _board(path: Path | None) -> Path:
    known = next((each for each in ((path,) if path is not None else _BOARDS) if each.is_file()), None)
    if known is None:
        where = str(path or _BOARDS[0])
        raise ConfigError("no such board", where=where, fix="name a board.json with --board, or make one: scarena run")
    return known


def _advice(data: AnnData, path: Path) -> Advice:
    from scarena.base.files import read_json
    from scarena.base.untrusted import reading
    from scarena.board.published import refuse_published
    from scarena.cli.recommendation import advise, features_of

    tell("looking at how far its batches lie apart")
    own = features_of(data)
    with reading(path, ConfigError, what="not a board", fix="name a board.json"):
        board = read_json(path)
        refuse_published(board, str(path), "asked for advice: it does not tell how its cells are")
        return advise(board, own)


def _with_roughness(found: Advice, data: AnnData, models: list[str], cells: int) -> Advice:
    from scarena.cli.recommendation import roughness
    from scarena.models.foundation.use_data import some_cells

    kept = data[data.obs["label"].notna().to_numpy()]
    kept = some_cells(kept.copy(), cells, 0)
    rough = roughness(kept, kept.obs["label"].astype(str).tolist(), models)
    return replace(found, suggestions=tuple(replace(each, rogi_xd=rough.get(each.model)) for each in found.suggestions))


def _json(found: Advice) -> str:
    import json

    close = [each.model for each in found.close()]
    return json.dumps({**asdict(found), "try_first": close}, indent=1, allow_nan=False)


def _text(found: Advice, n_cells: int, *, labelled: bool) -> str:
    names = [each.title for each in found.close()]
    near = sorted(found.weights.items(), key=lambda pair: (-pair[1], pair[0]))[:3]
    lines = [f"Try first: {', '.join(names)}.", ""]
    rows = [
        [
            each.title, f"{each.expected:.3f}", f"{each.overall:.3f}", _minutes(each),
            "yes" if each.trains_on_target else "no", "yes" if each.uses_labels else "no",
            *([_number(each.rogi_xd)] if labelled else []),
        ]
        for each in found.suggestions
    ]  # fmt: skip
    columns = [*_COLUMNS, *(["ROGI-XD on yours (lower is better)"] if labelled else [])]
    lines += aligned([columns, *rows])
    lines += [
        "",
        f"Expected total: mean over {len(found.weights)} datasets by their likeness to yours; most alike: "
        + ", ".join(f"{name} ({weight:.0%})" for name, weight in near) + ".",
        f"How good such a choice is there, each dataset left out in turn: it loses {found.regret_by_likeness:.3f} "
        f"against the best model, choosing by the plain mean {found.regret_by_mean:.3f}.",
        *_about_minutes(found, n_cells),
    ]  # fmt: skip
    return "\n".join(lines)


def _minutes(each: Suggestion) -> str:
    return "not measured" if each.minutes is None else f"{each.minutes:.1f}{'*' if each.beyond else ''}"


def _about_minutes(found: Advice, n_cells: int) -> list[str]:
    """Return how the minutes came about, and how far to trust them."""
    lines = [
        "Minutes: on the board's machine; start-up, and the model's own work on so many cells and genes at the rate of "
        "the board's runs."
    ]
    off = found.minutes_off
    if off is None:
        lines.append("How far off they are is not known: too few of the board's datasets differ in size.")
    else:
        sizes = f"{off.fewest_cells:,} to {off.most_cells:,} cells"
        lines.append(
            f"How far off they are, each dataset left out in turn ({sizes}): by a factor of "
            f"{off.median:.1f} in the median of {off.n_runs} runs, at worst {off.worst:.1f} "
            f"({off.worst_model} on {off.worst_dataset})."
        )
    if any(each.beyond for each in found.suggestions):
        lines.append(
            f"*: your {n_cells:,} cells are more work for it than any run of the board, so this is extrapolated."
        )
    return lines


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"
