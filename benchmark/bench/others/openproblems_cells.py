"""The published runs of openproblems as the cells of a board: states, scores under our keys, costs. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from scarena.bench.others.openproblems_files import Files, MethodInfo, OpenProblems, Result
from scarena.metrics.aggregate import TOTAL
from scarena.metrics.scores import NOT_APPLICABLE, OK, Score

Json = dict[str, Any]

# What their components end with where a method cannot be applied to a dataset, and a job that is stopped.
_CANNOT, _STOPPED = 99, 143
_NOT_GIVEN = "published as NA, without a reason"
# Of the methods that ended on a dataset with vectors, those that must have a part for it to count there.
_ENOUGH = 0.5


def cell_of(result: Result, files: Files, told: OpenProblems, counted: Mapping[str, Sequence[str]]) -> Json:
    """Return one run as a cell of a board.

    Parameters
    ----------
    result
        The run.
    files, told
        What is published, and what is said here of it.
    counted
        The parts of ``bio`` and ``batch`` that count on its dataset (:func:`counted_parts`).
    """
    state, reason = state_of(result, files)
    scores = scores_of(result, files, told) if state == OK else {}
    if scores:
        scores |= aggregates(scores, told, counted)
    # As they publish it, of runs that failed too: its definition says that what is missing counts 0 there.
    scores[told.mean_key] = Score.of(result.mean_score, "as published; what is missing counts 0 in it")
    return {
        "dataset": told.datasets[result.dataset_id].name, "model": result.method_id, "seed": 0, "state": state,
        "reason": reason, "scores": {key: asdict(score) for key, score in sorted(scores.items())},
    }  # fmt: skip


def state_of(result: Result, files: Files) -> tuple[str, str]:
    """Return the state of a run, and the reason where it has no values."""
    code, info = result.resources.exit_code, files.methods[result.method_id]
    if any(value is not None for value in result.metric_values.values()):
        return OK, ""
    if code == _CANNOT:
        return NOT_APPLICABLE, f"{info.method_name} takes human cells alone (exit code 99 of its script)"
    after = result.resources.duration_sec
    ended = f"exit code {code}{', stopped from outside,' if code == _STOPPED else ''}"
    lost = files.lost.get(result.method_id)
    told = "" if lost is None else f"; their quality control: {100 * lost:.0f} % of its values are missing"
    return "failed", f"{ended}{'' if after is None else f' after {after:,.0f} s'}{told}"


def scores_of(result: Result, files: Files, told: OpenProblems) -> dict[str, Score]:
    """Return the published values of a run that ended, under our keys."""
    method, found = told.methods[result.method_id], {}
    known = _known(files, result.dataset_id)
    for theirs, value in result.metric_values.items():
        mapped = told.metrics[theirs]
        if value is not None:
            found[mapped.key] = Score.of(value)
        elif not method.gives(mapped.needs):
            gives = "expression" if mapped.needs == "feature" else "vectors"
            found[mapped.key] = Score.not_applicable(f"the method returns no {gives}")
        elif theirs not in known:
            found[mapped.key] = Score.not_applicable("published for no method on this dataset")
        else:
            found[mapped.key] = Score.failed(_NOT_GIVEN)
    return found


def _known(files: Files, dataset: str) -> set[str]:
    """Return the metrics that some method has on a dataset."""
    mine = (each for each in files.results if each.dataset_id == dataset)
    return {key for each in mine for key, value in each.metric_values.items() if value is not None}


def counted_parts(files: Files, told: OpenProblems, dataset: str) -> dict[str, list[str]]:
    """Return the parts of bio and batch that count on a dataset (by their id), the same ones for all methods.

    Those that at least half of the methods have, of those that ended there and return vectors; controls are not asked.
    A part that few have is left out for all: left out for those alone that lack it, a hole would raise a mean.
    """
    asked = [
        each for each in files.results
        if each.dataset_id == dataset and state_of(each, files)[0] == OK
        and told.methods[each.method_id].family != "control" and told.methods[each.method_id].gives("embedding")
    ]  # fmt: skip
    theirs = {mapped.key: name for name, mapped in told.metrics.items()}

    def counts(part: str) -> bool:
        having = sum(each.metric_values[theirs[part]] is not None for each in asked)
        return having > 0 and having >= _ENOUGH * len(asked)

    return {group: [part for part in parts if counts(part)] for group, parts in told.parts.items()}


def aggregates(scores: dict[str, Score], told: OpenProblems, counted: Mapping[str, Sequence[str]]) -> dict[str, Score]:
    """Return bio and batch, unweighted means of the parts that count, and total = 0.6 bio + 0.4 batch."""
    found: dict[str, Score] = {
        group: _mean(scores, counted[group], told.parts[group], told.stand_ins) for group in told.parts
    }
    for state in ("failed", NOT_APPLICABLE):
        if lacking := [group for group in TOTAL if found[group].state == state]:
            found["total"] = Score(None, state, "; ".join(f"{group}: {found[group].reason}" for group in lacking))
            return found
    value = sum(weight * (found[group].value or 0.0) for group, weight in TOTAL.items())
    found["total"] = Score.of(value, "; ".join(dict.fromkeys(found[group].reason for group in TOTAL)))
    return found


def _mean(scores: Mapping[str, Score], parts: Sequence[str], every: Sequence[str], stand_ins: str) -> Score:
    for state in ("failed", NOT_APPLICABLE):
        if lacking := [part for part in parts if scores[part].state == state]:
            return Score(None, state, "; ".join(f"{part}: {scores[part].reason}" for part in lacking))
    left = [part for part in every if part not in parts]
    without = f"without {', '.join(left)}, which most methods lack here; " if left else ""
    values = [value for part in parts if (value := scores[part].value) is not None]
    return Score.of(fmean(values), f"{without}{stand_ins}")


def timing_of(result: Result, told: OpenProblems) -> Json | None:
    """Return what a run that ended cost, as published; None for another: how long a failure took is no speed.

    Their peak memory is of address space, so it is not under the name of resident memory.
    """
    spent = result.resources
    if spent.exit_code != 0 or spent.duration_sec is None:
        return None
    cpu_s = None if spent.cpu_pct is None else round(spent.duration_sec * spent.cpu_pct / 100, 1)
    return {
        "dataset": told.datasets[result.dataset_id].name, "model": result.method_id, "seed": 0, "step": "embed",
        "wall_s": spent.duration_sec, "cpu_s": cpu_s, "peak_rss_mb": None, "peak_vram_mb": None, "cells_per_s": None,
        "peak_virtual_mb": spent.peak_memory_mb,
    }  # fmt: skip


def dois_of(info: MethodInfo) -> str:
    """Return where a method was published."""
    found = [info.references_doi] if isinstance(info.references_doi, str) else info.references_doi or []
    return ", ".join(f"doi:{doi}" for doi in found)
