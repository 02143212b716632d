"""What people do with a pretrained model, from file to file: one function for each verb of `scarena fm`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scarena.base.errors import ConfigError, DataError, ModelError
from scarena.base.files import check_output
from scarena.base.progress import tell
from scarena.base.untrusted import check_regular, read_object, reading
from scarena.base.validated import validated
from scarena.models.foundation.checkpoint import (
    CHECKPOINTS,
    STUDENT,
    load,
    read_config,
    read_genes,
    save,
)
from scarena.models.foundation.lineage import derived, provenance
from scarena.models.foundation.use_data import check_out, ids_of, read_cells, some_cells, write_table, write_vectors

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.models.foundation.knockout import Knockouts
    from scarena.models.foundation.model import FoundationModel
    from scarena.models.foundation.probe import Probe

# Vocabularies and manifests have some megabytes at most.
_MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checkpoint in memory."""

    folder: Path
    model: FoundationModel
    genes: list[str]


@dataclass(frozen=True, slots=True)
class Source:
    """A user's file and how it is read; see `use_data.read_cells`."""

    path: Path
    layer: str | None = None
    batch: str | None = None
    label: str | None = None
    cache: Path = Path(".cache")
    genes: str | None = None
    say: Callable[[str], None] | None = None
    """Given each line of what was dropped or renamed in reading."""

    def read(self, *, symbols: bool = False) -> AnnData:
        """Return its cells."""
        tell(f"reading {self.path.name}")
        data = read_cells(
            self.path, layer=self.layer, genes=self.genes, batch=self.batch, label=self.label, cache=self.cache,
            symbols=symbols,
        )  # fmt: skip
        if self.say is not None:
            for note in data.uns["notes"]:
                self.say(note)
        return data


def open_checkpoint(name: Path | None = None) -> Loaded:
    """Return a checkpoint, given as its folder or as the name of a shipped one; the student where none is named.

    Raises
    ------
    ModelError
        If it cannot be read.
    """
    folder = _folder_of(name)
    _check_files(folder)
    tell(f"opening the checkpoint {folder.name}")
    return Loaded(folder, load(folder), read_genes(folder))


def _folder_of(name: Path | None) -> Path:
    """Return the folder of a checkpoint, which a shipped one may be named in place of."""
    folder = STUDENT if name is None else name
    named = CHECKPOINTS / folder.name
    return named if not folder.is_dir() and named.is_dir() and folder == Path(folder.name) else folder


def knows_atlas(name: Path) -> bool:
    """Return whether a checkpoint names cells by the types of its atlas, having no labels that it was trained on."""
    from scarena.models.foundation.annotator import LABELS
    from scarena.models.foundation.atlas_types import FILE

    folder = _folder_of(name)
    return (folder / FILE).is_file() and not (folder / LABELS).is_file()


def _check_files(folder: Path) -> None:
    """Refuse a folder whose small files are none: a pipe would wait, a device never end."""
    fix = "restore the folder"
    for name in ("manifest.json", "config.json", "genes.txt"):
        path = folder / name
        if path.exists():
            check_regular(path, ModelError, most=_MOST_BYTES, fix=fix)
            if path.suffix == ".json":
                with reading(path, ModelError, what="unreadable", fix=fix):
                    read_object(path, fix=fix)


def model_sizes(like: Path = STUDENT) -> pd.DataFrame:
    """Return the sizes that models come in, one a row, by name.

    Parameters
    ----------
    like
        Folder of a checkpoint: how many genes and batches of a corpus a model is to know.

    Returns
    -------
    Columns, all Int64: `parameters`; `without_gene_tables`, those outside tables with a row for every gene; `width`;
    `layers`, and `genes_one_by_one`, how many of a cell's genes are tokens, both missing for a bag, which has neither.

    Raises
    ------
    ModelError
        If the checkpoint cannot be read.
    """
    import torch

    from scarena.models.foundation.model import SIZES, FoundationConfig, FoundationModel

    shipped = read_config(like)
    rows = {}
    for name, sizes in SIZES.items():
        config = FoundationConfig(**sizes.model_dump(), n_genes=shipped.n_genes, n_groups=shipped.n_groups)
        with torch.device("meta"):
            held = [value.shape for value in FoundationModel(config).parameters()]
        shared = [shape for shape in held if shape[0] != config.n_genes]
        read = (sizes.layers, sizes.length) if sizes.kind == "transformer" else (None, None)
        rows[name] = [sum(map(torch.Size.numel, each)) for each in (held, shared)] + [sizes.width, *read]
    columns = ["parameters", "without_gene_tables", "width", "layers", "genes_one_by_one"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).astype("Int64").rename_axis("name")


def embed_file(source: Source, out: Path, loaded: Loaded, device: str = "cpu") -> tuple[int, int]:
    """Write the vectors of a file's cells (see `use_data.write_vectors`); return how many, and their width."""
    from scarena.models.foundation.embed import embed

    check_out(out, source.path)
    data = source.read()
    z = embed(loaded.model, data, loaded.genes, device)
    write_vectors(out, z, list(data.obs_names), source.path)
    return z.shape


def adapt_file(
    source: Source, out: Path, loaded: Loaded, *, keep: Path | None = None, steps: int | None = None, seed: int = 0,
    device: str = "cpu",
) -> tuple[int, int]:  # fmt: skip
    """Adapt a model to a file's cells without labels, and write their vectors; to `keep` the adapted model too.

    Batches and passes are those of `scarena_fm.adapting` for its kind; a number of steps may be given in their place.
    The model's directions are those that `guard` takes.
    """
    from scarena.models.foundation.adapt import AdaptConfig, adapt, check_enough
    from scarena.models.foundation.embed import embed
    from scarena.models.foundation.guard import guarded
    from scarena.models.scarena_fm import adapting

    check_out(out, source.path)
    _spare(keep, loaded)
    data = source.read()
    config = adapting(loaded.folder)
    if steps is not None:
        config = AdaptConfig.model_validate({**dict(config), "steps": steps})
    check_enough(data, config)
    tell("comparing the model's directions with the dataset's own")
    begun, found = guarded(loaded.model, data, loaded.genes, seed=seed)
    if source.say is not None:
        source.say(found.words())
    model, report = adapt(begun, data, loaded.genes, config, seed=seed, device=device)
    z = embed(model, data, loaded.genes, device)
    write_vectors(out, z, list(data.obs_names), source.path)
    if keep is not None:
        row = provenance(source.path, data.n_obs)
        adapted = {"dataset": row["dataset"], "batch": source.batch, "steps": report.steps, "seed": seed}
        adapted["guard"] = found.words()
        save(keep, model, loaded.genes, {**derived(loaded.folder, "adapted", row), "adapted": adapted})
    return z.shape


def finetune_file(
    source: Source, out: Path, loaded: Loaded, settings: dict[str, Any], *, among: Source | None = None, seed: int = 0,
    device: str = "cpu",
) -> dict[str, Any]:  # fmt: skip
    """Fine-tune a model on a file's labels, write the annotator to a folder, and return what it says of its training.

    Where there is another file, of cells to annotate later, genes that this one does not measure are left out.

    Raises
    ------
    ConfigError
        If a setting is none of `FinetuneConfig`, or `out` is the folder of the model itself.
    DataError, ModelError
        As `finetune` does.
    """
    from scarena.models.foundation.annotator import save_annotator
    from scarena.models.foundation.finetune import finetune
    from scarena.models.foundation.finetune_config import FinetuneConfig

    config = validated(FinetuneConfig, settings, ConfigError, where="finetune", fix="correct the option")
    _spare(out, loaded)
    data = source.read()
    if among is not None:
        data = data[:, data.var_names.isin(among.read().var_names)].copy()
    annotator = finetune(loaded.model, data, loaded.genes, "label", config, seed=seed, device=device)
    annotator.training["column"] = source.label
    row = provenance(source.path, data.n_obs)
    save_annotator(annotator, out, dataset=row["dataset"], manifest=derived(loaded.folder, "finetuned", row))
    return annotator.training


def annotate_file(
    folder: Path, source: Source, out: Path, *, every_label: bool = False, device: str = "cpu"
) -> tuple[pd.DataFrame, float]:
    """Write a file's cells as a fine-tuned model names them, as CSV: cell, label, probability.

    Returns
    -------
    The same table, and the share of the genes measured in training that the file measures.
    """
    from scarena.models.foundation.annotator import load_annotator

    check_output(out, source.path)
    annotator, data = load_annotator(folder), source.read()
    tell(f"naming {data.n_obs:,} cells")
    found = annotator.predict(data, every_label=every_label, device=device).rename_axis("cell")
    write_table(out, found)
    return found, annotator.coverage(data)


def name_types_file(source: Source, out: Path, loaded: Loaded, device: str = "cpu") -> pd.DataFrame:
    """Write a file's cells by the nearest types of a model's atlas, as CSV; see `AtlasTypes.named`; return the table.

    Raises
    ------
    ModelError
        If the model was not pretrained on an atlas, or shares no gene with the file.
    """
    from scarena.models.foundation.atlas_types import read_types
    from scarena.models.foundation.embed import embed

    check_output(out, source.path)
    types, data = read_types(loaded.folder), source.read()
    tell(f"naming {data.n_obs:,} cells")
    known = data[:, data.var_names.isin(loaded.genes)]
    z = embed(loaded.model, data, loaded.genes, device)
    found = types.named(z, np.asarray(known.X.sum(axis=1)).ravel())
    found.index = data.obs_names.rename("cell")
    write_table(out, found)
    return found


def probe_file(source: Source, loaded: Loaded, *, seed: int = 0, device: str = "cpu") -> Probe:
    """Probe a model's vectors of a file's cells for its labels."""
    from scarena.models.foundation.embed import embed
    from scarena.models.foundation.probe import probe

    data = source.read()
    z = embed(loaded.model, data, loaded.genes, device)
    tell("telling labels apart")
    return probe(z, data.obs["label"], data.obs["batch"] if source.batch else None, seed)


def near_genes(gene: str, loaded: Loaded, table: str, n_genes: int, cache: Path, among: Source | None) -> pd.DataFrame:
    """Return the genes nearest to one, by symbol or id, with their symbols; of those a file measures where given."""
    from scarena.datasets.genes import gene_table
    from scarena.models.foundation.gene_vectors import gene_vectors, nearest_genes

    names = gene_table(cache=cache)
    known = names.ids([gene])[0]
    if known is None:
        raise DataError(f"unknown gene {gene!r}", where="genes", fix="give a human symbol or Ensembl id")
    vectors = gene_vectors(loaded.model, loaded.genes, table)  # type: ignore[arg-type]
    of_file = None if among is None else list(among.read().var_names)
    found = nearest_genes(vectors, known, n_genes, of_file)
    found.insert(0, "symbol", [names.id_to_symbol.get(each, each) for each in found.index])
    return found


def network_of_file(
    source: Source, loaded: Loaded, *, by: str, genes: Sequence[str], top: int, n_pairs: int, block: int | None,
    n_cells: int | None, seed: int = 0, device: str = "cpu",
) -> pd.DataFrame:  # fmt: skip
    """Return a file's strongest pairs of genes, by attention or jacobian, with symbols.

    Raises
    ------
    ConfigError
        If it is neither.
    """
    from scarena.models.foundation.gene_network import attention_network, jacobian_network, top_genes

    data = some_cells(source.read(symbols=True), n_cells, seed)
    among = ids_of(data, genes) if genes else top_genes(data, loaded.genes, top)
    tell(f"looking at {data.n_obs:,} cells")
    if by == "attention":
        found = attention_network(
            loaded.model, data, loaded.genes, among=among, block=block, n_pairs=n_pairs, device=device
        )
    elif by == "jacobian":
        found = jacobian_network(loaded.model, data, loaded.genes, among=among, n_pairs=n_pairs, device=device)
    else:
        raise ConfigError(f"unknown way {by!r}", where="--by", fix="attention or jacobian")
    for end in ("source", "target"):
        found[f"{end}_symbol"] = data.var["symbol"].reindex(found[end]).to_numpy()
    return found


def knock_out_file(
    source: Source, loaded: Loaded, genes: Sequence[str], *, factor: float, toward: str | None, n_cells: int | None,
    seed: int = 0, device: str = "cpu",
) -> Knockouts:  # fmt: skip
    """Change genes of a file's cells one at a time; `toward` is a label that shifts are measured towards.

    Raises
    ------
    ConfigError
        If there is a label to go to but no column of labels.
    """
    from scarena.models.foundation.knockout import knockout

    if toward is not None and source.label is None:
        raise ConfigError("a label without a column of labels", where="--toward", fix="name the column with --label")
    data = source.read(symbols=True)
    group = None if toward is None else (data.obs["label"].astype(str) == toward).to_numpy()
    found = knockout(
        loaded.model, data, loaded.genes, ids_of(data, genes), factor=factor, toward=group, n_cells=n_cells,
        seed=seed, device=device,
    )  # fmt: skip
    found.genes.insert(0, "symbol", data.var["symbol"].reindex(found.genes.index))
    return found


def _spare(out: Path | None, loaded: Loaded) -> None:
    """Refuse a folder that is the model's own, or cannot be written."""
    if out is None:
        return
    check_output(out, folder=True)
    if out.resolve() == loaded.folder.resolve():
        raise ConfigError("the folder of the model itself", where=str(out), fix="write to another folder")
