"""The Human Cell Landscape (Han 2020), as the reference of scHCL: 1,393 clusters over 5,467 marker genes.

A column is called ``LABEL_SAMPLE``, and of a study that the authors took in, ``LABEL_ORGAN_AUTHOR``. The genes are the
union of the clusters' markers: hardly any that every cell expresses is among them. ``human_cell_landscape.tsv`` says
which study an author's name stands for; two samples are of studies that are named nowhere.
"""

from __future__ import annotations

import html
import re
from functools import cache
from pathlib import Path

import numpy as np

from scarena.datasets.card import DatasetCard, Reader, SourceFile
from scarena.datasets.r_objects import as_matrix, load, walk
from scarena.datasets.sources import pull
from scarena.models.foundation.atlas.listed import listed, studies_in
from scarena.models.foundation.atlas.published import Published, Row

_OWN = ("Han 2020", "GSE134355")
_KIND = "human_cell_landscape"
_STAGE = re.compile(r"^(Adult|Fetal)[- ]?")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_REPLICATE = re.compile(r"\d*(-\d+)?$")
_MARKER = re.compile(r"_[^_]+[ _](high|low)$")
HCL = DatasetCard(
    name=_KIND,
    title="Human Cell Landscape, reference of scHCL",
    description="1,393 clusters of some 55 organs and of published studies, 5,467 marker genes",
    role="smoke",
    licence="GPL-3",
    citation="Han et al. 2020, doi:10.1038/s41586-020-2157-4",
    files=(
        SourceFile(
            key="reference",
            url="https://raw.githubusercontent.com/ggjlab/scHCL/586bbcb73eaadb4170f26f4f65d726a892cd8592/data/ref.expr.rda",
            sha256="4aad229a8d60ab593fdae06bd836cc52404965e625ce2c2f44c8d58328adf8a7",
            mirror="human_cell_landscape/ref.expr.rda",
        ),
    ),
    reader=Reader(name="rdata"),
)


@cache
def _authors() -> dict[str, dict[str, str]]:
    return {row["sample"]: row for row in listed(_KIND)}


def row_of(column: str) -> Row:
    """Return what a column's name says.

    Examples
    --------
    >>> found = row_of("Adipocyte_SPP1 high_AdultAdipose1")
    >>> found.label, found.plain, found.tissue, found.stage, found.study[1]
    ('Adipocyte_SPP1 high', 'Adipocyte', 'adipose', 'adult', 'GSE134355')
    >>> row_of("Alpha cell_AdultPancreas_Segerstolpe").study
    ('Segerstolpe 2016', 'E-MTAB-5061')
    """
    label, sample = column.rsplit("_", 1)
    author = _authors().get(sample)
    if author is not None and "_" in label:
        label, sample = label.rsplit("_", 1)
    study = _OWN if author is None else studies_in(author["study"])
    stage = _STAGE.match(sample)
    organ = _CAMEL.sub(" ", _REPLICATE.sub("", _STAGE.sub("", sample)))
    # Some labels end in a line break, as HTML spells it, or in an underscore.
    label = " ".join(html.unescape(label).split()).strip("_")
    return Row(
        name=column, label=label, study=study, plain=_MARKER.sub("", label).strip(),
        tissue=" ".join(word if word.isupper() else word.lower() for word in organ.split()),
        stage=stage[1].lower() if stage else author["stage"] if author else "",
    )  # fmt: skip


def published(cache: Path, mirror: Path | None = None) -> Published:
    """Return the clusters as published, those of benchmark studies among them.

    Raises
    ------
    SourceError, DataError
        If the file cannot be had or read.
    """
    path = pull(HCL, cache=cache, mirror=mirror)["reference"]
    matrix, genes, columns = as_matrix(walk(load(path), ["ref.expr"], str(path)), str(path))
    rows = tuple(row_of(str(column)) for column in np.asarray(columns))
    files: tuple[dict[str, str | None], ...] = ({"url": HCL.files[0].url, "sha256": HCL.files[0].sha256},)
    values = matrix.toarray().T
    return Published(_KIND, _KIND, values, np.asarray(genes), rows, "linear", HCL.licence, HCL.citation, files)
