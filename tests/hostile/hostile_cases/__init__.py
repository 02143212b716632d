"""Malformed inputs, each made from a small valid one, and the entry points that are handed them."""

from hostile_cases.case import Case


def groups() -> dict[str, list[Case]]:
    """Return the cases by group; one process runs a group."""
    from hostile_cases import (
        boards,
        checkpoints,
        details,
        h5ad,
        ontologies,
        r_files,
        sources,
        texts,
        vectors,
        zarr_stores,
    )

    soak = [case for entry in h5ad.ENTRIES for case in h5ad.flips(entry, range(1000, 1250))]
    soak += [*vectors.flips(range(1000, 1250)), *r_files.flips(range(1000, 1500)), *ontologies.flips(range(1000, 1250))]
    soak += zarr_stores.flips("add", range(1000, 1500))
    return {
        "soak": soak,
        "h5ad": h5ad.cases(),
        "vectors": [*vectors.cases(), *texts.cases()],
        "zarr": zarr_stores.cases(),
        "others": [
            *sources.cases(),
            *r_files.cases(),
            *ontologies.cases(),
            *boards.cases(),
            *details.cases(),
            *checkpoints.cases(),
        ],
    }
