"""What a label of a perturbation names: genes by symbol, pairs of them, or a compound."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scarena.datasets.response_rule import ResponseRule

if TYPE_CHECKING:
    from scarena.datasets.genes import GeneTable


@dataclass(frozen=True, slots=True)
class Perturbations:
    """Label → what was done: its name, and the Ensembl ids of the perturbed genes joined by ``+``.

    Labels that name the same genes have one name: guides of a gene are one perturbation, and so are A+B and B+A.
    """

    name_of: dict[str, str]
    targets_of: dict[str, str]
    """By name; empty for a compound, and where a gene is not known."""
    notes: tuple[str, ...] = field(default=())


def perturbations(labels: Iterable[str], rule: ResponseRule, table: GeneTable, control: str = "") -> Perturbations:
    """Return what labels name.

    Parameters
    ----------
    labels
        As published, without that of the control.
    rule
        How labels are made.
    table
        Of genes.
    control
        Label of the control: as a part of a label (``KLF1+ctrl``) it is left out.
    """
    names, targets, unknown = dict[str, str](), dict[str, str](), set[str]()
    for label in sorted(set(labels)):
        if rule.of == "compounds":
            names[label] = rule.names.get(label, label)
            targets[names[label]] = ""
            continue
        parts = label.split(rule.separator) if rule.separator else [label]
        genes = {_gene(part, rule) for part in parts if part != control}
        symbols = {rule.names.get(gene, gene) for gene in genes}
        ids = dict(zip(sorted(symbols), table.ids(sorted(symbols)), strict=True))
        unknown |= {symbol for symbol, gene in ids.items() if gene is None}
        known = {symbol: table.id_to_symbol.get(gene or "", symbol) for symbol, gene in ids.items()}
        names[label] = "+".join(sorted(set(known.values())))
        found = sorted({gene for gene in ids.values() if gene is not None})
        targets[names[label]] = "+".join(found) if all(ids.values()) else ""
    return Perturbations(names, targets, _said(names, unknown))


def _gene(part: str, rule: ResponseRule) -> str:
    found = re.fullmatch(rule.pattern, part) if rule.pattern else None
    return found[1] if found is not None and found[1] else part


def _said(names: dict[str, str], unknown: set[str]) -> tuple[str, ...]:
    lines = []
    if unknown:
        listed = ", ".join(sorted(unknown)[:10])
        lines.append(f"{len(unknown)} perturbed genes are not known by these names: {listed}")
    if merged := len(names) - len(set(names.values())):
        lines.append(f"{merged} labels name what another does, and are one with it")
    return tuple(lines)
