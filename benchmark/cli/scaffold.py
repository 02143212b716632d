"""Writing a first file for a user: a card for their dataset, an adapter for their model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from scarena.base.errors import CardError, ConfigError, DataError
from scarena.base.files import write_text
from scarena.base.folders import check_source, digest_of, is_store
from scarena.base.untrusted import read_yaml

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


def _read_map(path: Path | None) -> dict[str, str | None]:
    if path is None:
        return {}
    found = read_yaml(path, ConfigError, fix="give YAML: label: CL:0000000")
    if not isinstance(found, dict):
        raise ConfigError("not a mapping", where=str(path), fix="write one `label: CL:0000000` (or null) a line")
    return {str(label): term for label, term in found.items()}


def add_dataset(
    file: Path, *, batch: str, label: str, ontology_map: Path | None, name: str | None, folder: Path
) -> tuple[Path, list[str]]:
    """Write a card for an h5ad or a zarr store, having prepared it once to see that it holds what a board needs.

    Returns
    -------
    The card's path, and lines to print: what was found in the file.

    Raises
    ------
    DataError, CardError, OntologyError, ConfigError
        If the file, the columns or the map cannot be used; nothing is written then.
    """
    from scarena.datasets.card import card_names, parse_card

    name = name or re.sub(r"[^a-z0-9]+", "_", file.stem.lower().removesuffix(".zarr")).strip("_")
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} cannot be a dataset's name", where="--name", fix="use a-z, 0-9, _ and -")
    if name in card_names():
        raise ConfigError(f"scArena has a dataset called {name!r}", where="--name", fix="give another --name")
    size = check_source(file, DataError, fix="give the path of an .h5ad file or a .zarr store")
    form, obs, genes, layers = _held(file)
    labels = _check_columns(obs, batch, label, file)
    mapped = _read_map(ontology_map)
    idle = sorted(set(mapped) - set(labels))
    if mapped and len(idle) == len(mapped):
        fix = f"labels in the file: {', '.join(labels)}"
        raise ConfigError(f"maps no label of column {label!r}", where=str(ontology_map), fix=fix)
    terms = {each: mapped.get(each) for each in labels}
    card = _card(name, file, size, form, {"batch": batch, "label": label}, terms, genes)
    if "counts" in layers:
        card["reader"]["options"]["layer"] = "counts"
    parsed = parse_card(card, str(file))
    facts = _try_out(parsed)
    path = folder / f"{name}.yaml"
    write_text(path, yaml.safe_dump(card, sort_keys=False, allow_unicode=True))
    unmapped = [k for k, v in card["labels"].items() if v is None]
    lines = [facts]
    if unmapped:
        lines.append(f"no Cell Ontology term for: {', '.join(unmapped)} (ontology metrics leave these out)")
    if idle:
        lines.append(f"labels of the map that the file does not have: {', '.join(idle)}")
    return path, [*lines, "it joins every board whose config has `include_user_cards: true` (config/demo.yaml has)"]


def _held(file: Path) -> tuple[str, Any, Any, list[str]]:
    """Return which reader a file is for, its obs, the names of its genes and of its layers."""
    if is_store(file) or file.name.endswith(".zarr.zip"):
        from scarena.datasets.read_zarr import layers, table
        from scarena.datasets.stores.zarr_store import open_zarr

        group = open_zarr(file)
        held = table(group, "obs", file), table(group, "var", file).index.astype(str), layers(group, file)
        group.store.close()
        return "zarr", *held
    from scarena.datasets.read_h5ad import open_h5ad

    backed = open_h5ad(file, backed=True)
    backed.file.close()
    return "h5ad", backed.obs, backed.var_names, list(backed.layers)


def _check_columns(obs: Any, batch: str, label: str, file: Path) -> list[str]:
    for option, column in (("--batch", batch), ("--label", label)):
        if column not in obs:
            known = ", ".join(map(str, obs.columns))
            raise DataError(f"obs has no column {column!r}", where=f"{file} ({option})", fix=f"one of: {known}")
    return sorted(map(str, obs[label].dropna().unique()))


def _card(
    name: str, file: Path, size: int, form: str, columns: dict[str, str], terms: dict[str, str | None], genes: Any
) -> dict[str, Any]:
    path = file.resolve()
    return {
        "name": name,
        "title": name,
        "description": f"added from {file.name}",
        "role": "benchmark",
        "files": [{"key": form, "url": f"file:{path}", "sha256": digest_of(path), "bytes": size}],
        "reader": {"name": form, "options": columns},
        "labels": terms,
        "gene_ids": "ensembl" if genes.str.startswith("ENSG").mean() > 0.5 else "symbol",
        "counts": "integer",
    }


def _try_out(card: Any) -> str:
    from scarena.datasets.prepare import prepare
    from scarena.datasets.summary import summary

    found = summary(prepare(card, cache=Path(".cache")))
    if len(found["types"]) < 2:
        raise CardError("one cell type only", where=card.name, fix="name a column with at least two cell types")
    sizes = f"{found['n_cells']:,} cells, {found['n_genes']:,} genes"
    return f"{sizes}, {len(found['batches'])} batches, {len(found['types'])} cell types"


_MODEL = '''"""{title}: say in one line what it does and where it was published."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, Model, ModelCard
from scarena.models.expression import principal_components


class {class_name}(Model):
    """Say what is particular about it."""

    card = ModelCard(
        name="{name}",
        title="{title}",
        family="baseline",
        description="principal components, until you replace them",
        uses_batch=True,
        trains_on_target=True,
        source="where it was published: a DOI, a repository",
        licence="of its code and weights",
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return float32 [n_cells, d] in the order of ``data.obs_names``; cell types are not in `data`."""
        return principal_components(data, ctx.seed)
'''

_TEST = '''"""{title} keeps the promises every model makes."""

from scarena.models.registry import find_model
from scarena.testing import model_conformance

test_conforms = model_conformance(find_model("{name}"))
'''


def new_model(name: str) -> list[Path]:
    """Write models/NAME.py, which works as it is, and tests/models/test_NAME.py; return both paths.

    Raises
    ------
    ConfigError
        If the name is not one, or is taken.
    """
    from scarena.models import registry

    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise ConfigError(
            f"{name!r} cannot be a model's name", where="NAME", fix="use lower case and hyphens: my-model"
        )
    file_name = name.replace("-", "_")
    models = Path(registry.__file__).parent
    paths = [models / f"{file_name}.py", models.parent / "tests" / "models" / f"test_{file_name}.py"]
    taken = [str(path) for path in paths if path.exists()]
    if name in {entry.name for entry in registry.catalogue()} or taken:
        raise ConfigError(
            f"a model called {name!r} exists", where=", ".join(taken) or "models", fix="choose another name"
        )
    words = {"name": name, "title": name, "class_name": "".join(part.capitalize() for part in name.split("-"))}
    for path, text in zip(paths, (_MODEL, _TEST), strict=True):
        write_text(path, text.format(**words))
    return paths
