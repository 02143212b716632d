"""What an atlas holds, in lines for people: its sources, what was refused, organs, types with and without a term."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from scarena.base.tables import aligned
from scarena.models.foundation.atlas.profiles import Profiles

_HEAD = ["source", "profiles", "with a term", "genes", "refused"]


def lines(profiles: Profiles) -> list[str]:
    """Return lines that sum up an atlas."""
    said = profiles.manifest
    return [*aligned([_HEAD, *_rows(profiles)]), *_refusals(said), *_warnings(said), *_sums(profiles)]


def _rows(profiles: Profiles) -> Iterator[list[str]]:
    obs = profiles.obs
    for about in profiles.manifest["sources"]:
        terms = int((obs["term"][obs["source"] == about["name"]] != "").sum())
        refused = sum(len(each["profiles"]) for each in about["refused"])
        numbers = [f"{n:,}" for n in (about["profiles"], terms, about["genes"]["known"], refused)]
        yield [about["name"], *numbers]


def _refusals(manifest: dict[str, Any]) -> Iterator[str]:
    for about in manifest["sources"]:
        if about["refused"]:
            total = sum(len(each["profiles"]) for each in about["refused"])
            reasons = "; ".join(f"{len(each['profiles'])} {each['reason']}" for each in about["refused"])
            yield f"{about['name']}: refused {total} profiles: {reasons}"


def _warnings(manifest: dict[str, Any]) -> Iterator[str]:
    """Yield what was said of single sources, but for the genes of which most are known."""
    said: dict[str, list[str]] = defaultdict(list)
    for about in manifest["sources"]:
        for note in about["notes"]:
            if "genes are known" not in note or 2 * about["genes"]["known"] < about["genes"]["published"]:
                said[note].append(about["name"])
    for note, names in said.items():
        yield f"{', '.join(names)}: {note}"
    if not manifest["all_studies"]:
        yield "some sources name no study, so that an audit of this atlas can say of no dataset that it is clean"


def _sums(profiles: Profiles) -> Iterator[str]:
    obs, n_terms = profiles.obs, int((profiles.obs["term"] != "").sum())
    organs = sorted(set(obs["tissue"]) - {""})
    everywhere = int(profiles.measured.all(axis=0).sum())
    yield (
        f"{len(obs):,} profiles of {obs['label'].nunique():,} labels, {n_terms:,} with one of "
        f"{obs['term'][obs['term'] != ''].nunique():,} Cell Ontology terms; {len(organs)} organs"
    )
    yield f"{len(profiles.genes):,} genes, {everywhere:,} of them measured by every source; linear, per 10,000"
