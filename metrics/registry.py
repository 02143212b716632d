"""Every metric key with its description, in the order of the board: what the command line, page and docs read.

After those of this package come the metrics of installed packages (entry point group ``scarena.metrics``), by key.
"""

from __future__ import annotations

from collections import defaultdict

from scarena.base.plugins import plugins
from scarena.metrics.info import Group, MetricInfo
from scarena.metrics.info_genes import INFO as GENES
from scarena.metrics.info_networks import INFO as NETWORKS
from scarena.metrics.info_ontology import INFO as ONTOLOGY
from scarena.metrics.info_probes import INFO as PROBES
from scarena.metrics.info_published import INFO as PUBLISHED
from scarena.metrics.info_responses import INFO as RESPONSES
from scarena.metrics.info_scib import INFO as SCIB
from scarena.metrics.info_structure import INFO as STRUCTURE
from scarena.metrics.info_transfer import INFO as TRANSFER
from scarena.metrics.plug_in import Metric

_ALL = (*SCIB, *ONTOLOGY, *TRANSFER, *STRUCTURE)
_HERE = "scarena"

BUILT_IN: dict[str, MetricInfo] = {info.key: info for info in _ALL}
OF_TASKS: dict[str, MetricInfo] = {info.key: info for info in (*PROBES, *GENES, *NETWORKS, *RESPONSES)}
"""Those that a task computes by itself, from more than labels and batches: `score_embedding` is not asked for them."""
OF_OTHERS: dict[str, MetricInfo] = {info.key: info for info in PUBLISHED}
"""Those of published boards that no key of ours means: nothing here computes them."""
_OWN = {**BUILT_IN, **OF_TASKS, **OF_OTHERS}
ORIGINS: dict[str, str] = dict.fromkeys(_OWN, _HERE)
BROKEN: dict[str, str] = {}
"""By key, or by the name of a plug-in that has told none: why asking for it is an error."""


def _plugged() -> tuple[Metric, ...]:
    """Return the plug-ins whose keys nobody else claims; fill in where each key comes from and what is broken."""
    found: list[tuple[str, Metric]] = []
    for plugin in plugins("scarena.metrics"):
        if not plugin.broken and not isinstance(plugin.value, Metric):
            plugin = plugin.spoiled("not a scarena.metrics.plug_in.Metric")
        if plugin.broken:
            BROKEN[plugin.name], ORIGINS[plugin.name] = plugin.broken, plugin.origin
            continue
        found.append((plugin.origin, plugin.value))
    claims: dict[str, list[str]] = defaultdict(list, {key: [_HERE] for key in _OWN})
    for origin, metric in found:
        for info in metric.info:
            claims[info.key].append(origin)
            ORIGINS.setdefault(info.key, origin)
    doubles = {key: origins for key, origins in claims.items() if len(origins) > 1}
    BROKEN.update({key: f"several metrics have this key: {', '.join(origins)}" for key, origins in doubles.items()})
    return tuple(metric for _, metric in found if not any(info.key in doubles for info in metric.info))


PLUGGED: tuple[Metric, ...] = _plugged()
# A key of this package stays on every board, whatever else is installed: totals are made of it.
OF_EMBEDDING: dict[str, MetricInfo] = {
    **BUILT_IN, **{info.key: info for metric in PLUGGED for info in sorted(metric.info, key=lambda each: each.key)}
}  # fmt: skip
"""Those of `score_embedding`: of vectors, labels and batches."""
METRICS: dict[str, MetricInfo] = {**OF_EMBEDDING, **OF_TASKS, **OF_OTHERS}


def keys_of(group: Group) -> tuple[str, ...]:
    """Return the metric keys of one group, in the order of the board."""
    return tuple(key for key, info in METRICS.items() if info.group == group)
