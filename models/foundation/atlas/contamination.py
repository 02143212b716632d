"""Which profiles are of the benchmark's own studies: an atlas with these would teach a model its test.

Compared are studies, by accession, against the cards with the role benchmark. Tables of profiles name studies by their
authors as often; of those that benchmark sets are from, the names below stand for the accession.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scarena.datasets.card import card_names, load_card
from scarena.models.foundation.corpus.verdict import same_names

# Names that stand for a study by themselves; those that several authors have, with the year.
_CALLED: Mapping[str, tuple[str, ...]] = {
    "GSE84133": ("baron", "10.1016/j.cels.2016.08.011"),
    "E-MTAB-5061": ("segerstolpe", "10.1016/j.cmet.2016.08.020"),
    "GSE85241": ("muraro", "10.1016/j.cels.2016.09.002"),
    "GSE81076": ("grün 2016", "grun 2016", "10.1016/j.stem.2016.05.010"),
    "GSE86469": ("lawlor", "10.1101/gr.212720.116"),
    "GSE81608": ("xin 2016", "10.1016/j.cmet.2016.08.018"),
    "GSE67835": ("darmanis", "10.1073/pnas.1507125112"),
    "SRP041736": ("pollen 2014", "10.1038/nbt.2967"),
    "GSE81861": ("li 2017 cell lines", "10.1038/ng.3818"),
    "GSE96583": ("kang 2018", "10.1038/nbt.4042"),
    "GSE118767": ("tian 2019", "sc_mixology", "cellbench", "10.1038/s41592-019-0425-8"),
    "SRP073767": ("zheng 2017", "10.1038/ncomms14049"),
    "GSE153056": ("papalexi", "10.1038/s41588-021-00778-2"),
    "GSE94820": ("villani", "10.1126/science.aah4573"),
    "GSE120221": ("oetjen", "10.1172/jci.insight.124928"),
    "GSE115189": ("freytag", "10.12688/f1000research.15809.1"),
}
_DOI = re.compile(r"^(https?://(dx\.)?doi\.org/|doi:)\s*", re.IGNORECASE)


def with_accessions(study: Sequence[str]) -> tuple[str, ...]:
    """Return the names of studies, with the accession of those that stand for one.

    Examples
    --------
    >>> with_accessions(["Baron et al. 2016"]), with_accessions(["https://doi.org/10.1038/nbt.4042"])[1:]
    (('Baron et al. 2016', 'GSE84133'), ('GSE96583',))
    >>> with_accessions(["Baronetti 2020", "Li 2017"])
    ('Baronetti 2020', 'Li 2017')
    """
    plain = [_plain(name) for name in study]
    found = [
        accession
        for accession, called in _CALLED.items()
        if any(name == each or name.startswith(f"{each} ") for name in plain for each in called)
    ]
    return tuple(dict.fromkeys([*study, *found]))


def _plain(name: str) -> str:
    return " ".join(_DOI.sub("", name.strip()).casefold().replace(",", " ").replace("et al.", " ").split())


def benchmark_studies(own: Path | None = None) -> dict[str, str]:
    """Return the studies of the cards with the role benchmark, each with the first card that has it.

    Parameters
    ----------
    own
        Folder with cards of one's own.
    """
    found: dict[str, str] = {}
    for name in card_names(own):
        card = load_card(name, own)
        if card.role == "benchmark":
            for study in card.study:
                found.setdefault(study, name)
    return found


@dataclass(frozen=True, slots=True)
class Refused:
    """Profiles of one source that are left out, and why."""

    reason: str
    profiles: tuple[str, ...]


def refusals(
    profiles: Sequence[str], studies: Sequence[Sequence[str]], benchmark: Mapping[str, str]
) -> tuple[Refused, ...]:
    """Return which profiles of a source are to be left out.

    Parameters
    ----------
    profiles
        Their names.
    studies
        Of each.
    benchmark
        Study → dataset that it would contaminate.

    Returns
    -------
    By reason. Where a source names the studies of some profiles, those of which it names none may be of any, and are
    left out too; where it names none at all, that is for the audit to say.
    """
    found: dict[str, list[str]] = {}
    some = any(studies)
    for profile, study in zip(profiles, studies, strict=True):
        shared = same_names(benchmark, with_accessions(study))
        if shared:
            reason = f"of {shared[0]}, a study of the benchmark set {benchmark[shared[0]]}"
        elif some and not study:
            reason = "of a study that the source does not name"
        else:
            continue
        found.setdefault(reason, []).append(profile)
    return tuple(Refused(reason, tuple(sorted(names))) for reason, names in sorted(found.items()))
