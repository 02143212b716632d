"""Every metric key with its description, in the order of the board: what the command line, page and docs read."""

from __future__ import annotations

from scarena.metrics import info_ontology, info_scib, info_structure, info_transfer
from scarena.metrics.info import Group, MetricInfo

_ALL = (*info_scib.INFO, *info_ontology.INFO, *info_transfer.INFO, *info_structure.INFO)

METRICS: dict[str, MetricInfo] = {info.key: info for info in _ALL}


def keys_of(group: Group) -> tuple[str, ...]:
    """Return the metric keys of one group, in the order of the board."""
    return tuple(key for key, info in METRICS.items() if info.group == group)
