"""Splits of a dataset of perturbations: each is asked once, and the audit finds every way to know what is asked."""

import hashlib
import itertools
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scarena.datasets.response_splits import (
    asked_twice,
    leaks,
    published_split,
    seen,
    simulation_split,
    splits_json,
    splits_of,
    splits_sha256,
    write_splits,
)
from scarena.datasets.response_truth import Split


def profiles_of(names, contexts=("c",), *, targets=True, guides=1):
    rows = {
        f"{name}{f'.{g}' if guides > 1 else ''} in {context}": (
            name if guides == 1 else f"{name}.{g}", context, name.replace("G", "ENSG") if targets else "",
        )
        for name, context, g in itertools.product(names, contexts, range(guides))
    }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index", columns=["perturbation", "context", "targets"])


GENES = [f"G{i:02d}" for i in range(40)]
PAIRS = [f"G{i:02d}+G{i + 1:02d}" for i in range(35)]


@pytest.mark.parametrize("contexts", [("c",), ("c", "d")])
@pytest.mark.parametrize("guides", [1, 3])
def test_every_profile_is_asked_once_and_guides_and_contexts_of_a_gene_stay_together(contexts, guides):
    profiles = profiles_of(GENES[:23], contexts, guides=guides)
    folds = splits_of(profiles, "gene", folds=5, reveal=())
    assert sorted(name for split in folds for name in split.asked) == sorted(profiles.index)
    for split in folds:
        assert sorted([*split.training, *split.asked]) == sorted(profiles.index)
        asked, training = (set(profiles.loc[list(names), "targets"]) for names in (split.asked, split.training))
        assert not asked & training and 4 <= len(asked) <= 5
        assert not leaks(split, profiles, "gene")


def test_pairs_are_held_out_and_singles_always_learned_from():
    profiles = profiles_of([*GENES[:20], *PAIRS])
    folds = splits_of(profiles, "pair", folds=5, reveal=())
    asked = [name for split in folds for name in split.asked]
    assert sorted(asked) == sorted(f"{pair} in c" for pair in PAIRS)
    for split in folds:
        assert {f"{gene} in c" for gene in GENES[:20]} <= set(split.training) and not leaks(split, profiles, "pair")
        for name, n in seen(split, profiles).items():
            assert n == sum(part in GENES[:20] for part in name.removesuffix(" in c").split("+"))


def test_contexts_are_held_out_one_by_one_and_what_no_other_has_is_not_asked():
    profiles = profiles_of(GENES[:6], ("a", "b", "c")).drop(index=["G05 in a", "G05 in b"])
    folds = splits_of(profiles, "context", folds=5, reveal=())
    assert [split.name for split in folds] == ["context a", "context b", "context c"]
    for split in folds:
        context = split.name[-1]
        assert set(profiles.loc[list(split.asked), "context"]) == {context}
        assert set(split.training) == set(profiles.index[profiles["context"] != context])
        assert not leaks(split, profiles, "context")
    assert "G05 in c" not in folds[2].asked and len(folds[2].asked) == 5


@pytest.mark.parametrize(
    ("setting", "names", "contexts", "n_asked"),
    [("gene", GENES, ("c",), 13), ("pair", [*GENES[:20], *PAIRS], ("c",), 11), ("context", GENES[:30], ("a", "b"), 10)],
)
def test_a_learning_curve_asks_the_same_and_reveals_more_and_more(setting, names, contexts, n_asked):
    profiles = profiles_of(names, contexts)
    curve = [s for s in splits_of(profiles, setting, folds=5, reveal=(0, 5, 10, 20)) if s.kind == "reveal"]
    assert len(curve) == 4 * len(contexts)
    for points in (curve[:4], curve[-4:]):
        assert {len(point.asked) for point in points} == {n_asked} and len({point.asked for point in points}) == 1
        always = set(points[0].training)
        for k, before, after in zip((5, 10, 20), points, points[1:], strict=False):
            assert set(before.training) <= set(after.training) and len(after.training) == len(always) + k
        assert not any(leaks(point, profiles, setting) for point in points)
    kinds = {"gene": set(), "pair": {f"{g} in c" for g in GENES[:20]}, "context": {f"{g} in b" for g in GENES[:30]}}
    assert set(curve[0].training) == kinds[setting]


def test_few_perturbations_have_no_curve_and_no_more_folds_than_there_are():
    profiles = profiles_of(GENES[:3])
    found = splits_of(profiles, "gene", folds=5, reveal=(0, 5))
    assert [split.kind for split in found] == ["fold"] * 3


def test_splits_do_not_depend_on_the_order_of_profiles():
    profiles = profiles_of([*GENES, *PAIRS], ("a", "b"))
    shuffled = profiles.iloc[np.random.default_rng(0).permutation(len(profiles))]
    for setting in ("gene", "pair", "context"):
        one, other = (splits_of(each, setting, folds=4, reveal=(0, 5)) for each in (profiles, shuffled))
        assert splits_sha256(one) == splits_sha256(other)


def test_the_hash_is_of_what_is_written_and_of_every_name(tmp_path):
    splits = splits_of(profiles_of(GENES), "gene", folds=5, reveal=(0, 5))
    write_splits(splits, tmp_path / "splits.json")
    assert hashlib.sha256((tmp_path / "splits.json").read_bytes()).hexdigest() == splits_sha256(splits)
    assert json.loads(splits_json(splits))[0]["asked"] == list(splits[0].asked)
    moved = (replace(splits[0], asked=splits[0].asked[1:]), *splits[1:])
    assert splits_sha256(moved) != splits_sha256(splits)


def leaking(setting, change):
    """Return profiles and a split that leaks in one way."""
    names = [*GENES[:4], "G02+G03"] if setting == "pair" else GENES[:4]
    profiles = profiles_of(names, ("a", "b") if setting == "context" else ("c",))
    asked = {"gene": ("G00 in c",), "pair": ("G02+G03 in c",), "context": tuple(f"{g} in b" for g in GENES[:4])}
    training = tuple(name for name in profiles.index if name not in asked[setting])
    profiles, split = change(profiles, Split("s", "fold", training, asked[setting]))
    return leaks(split, profiles, setting, controls=("ctrl",))


def added(row, **of):
    """Return a change that lets one more profile be learned from."""

    def change(profiles, split):
        more = pd.DataFrame([of], [row])
        return pd.concat([profiles, more]), replace(split, training=(*split.training, row))

    return change


WAYS = [
    ("gene", lambda p, s: (p, replace(s, training=(*s.training, s.asked[0]))), "learned from and asked about"),
    ("gene", added("x", perturbation="G00", context="d", targets="ENSG00"), "'ENSG00' is held out|'G00' is held out"),
    ("gene", added("x", perturbation="guide 7", context="c", targets="ENSG00"), "'ENSG00' is held out"),
    ("gene", added("x", perturbation="G00+G01", context="c", targets=""), "'G00' is held out"),
    ("gene", added("x", perturbation="?", context="c", targets="ENSG00+ENSG01"), "'ENSG00' is held out"),
    ("pair", added("x", perturbation="G02+G03", context="d", targets=""), r"'G02\+G03' is held out"),
    ("pair", added("x", perturbation="?", context="c", targets="ENSG02+ENSG03"), r"'ENSG02\+ENSG03' is held out"),
    ("context", added("x", perturbation="G09", context="b", targets="ENSG09"), "'b' is held out"),
    ("gene", lambda p, s: (p.assign(perturbation=["ctrl", *p["perturbation"][1:]]), s), "'ctrl' is asked about"),
    ("gene", lambda p, s: (p, replace(s, asked=())), "nothing is asked"),
    ("gene", lambda p, s: (p, replace(s, asked=("nobody",))), "no profile is called 'nobody'"),
    ("gene", lambda p, s: (p, replace(s, training=s.training * 2)), "stands twice"),
]


@pytest.mark.parametrize(("setting", "change", "said"), WAYS)
def test_the_audit_finds_each_way_to_know_what_is_asked(setting, change, said):
    assert any(pd.Series(leaking(setting, change)).str.contains(said))
    assert not leaking(setting, lambda *both: both)


def test_a_curve_may_reveal_a_context_but_not_the_profile_that_it_asks_about():
    profiles = profiles_of(GENES[:4], ("a", "b"))
    training = (*(f"{g} in a" for g in GENES[:4]), "G00 in b")
    split = Split("s", "reveal", training, ("G01 in b",))
    assert not leaks(split, profiles, "context")
    assert leaks(replace(split, kind="fold"), profiles, "context")


def test_plus_in_the_name_of_a_compound_joins_nothing():
    profiles = profiles_of(["(+)-JQ1", "(+)-other", "third"], targets=False)
    folds = splits_of(profiles, "gene", folds=3, reveal=())
    assert len(folds) == 3 and not any(leaks(split, profiles, "gene") for split in folds)


def test_a_profile_in_two_folds_is_found():
    split = Split("s", "fold", (), ("a", "b"))
    assert asked_twice([split, replace(split, name="t", asked=("b",))]) == ("b",)
    assert asked_twice([split, replace(split, kind="reveal")]) == ()


def test_somebody_elses_split_learns_from_all_that_it_does_not_ask():
    profiles = profiles_of(GENES[:5])
    split = published_split("p", profiles, ("G03 in c", "G01 in c"))
    assert split.asked == ("G01 in c", "G03 in c") and len(split.training) == 3 and split.kind == "published"


@pytest.mark.parametrize("seed", range(3))
def test_the_simulation_split_is_as_defined(seed):
    names = [*GENES, *PAIRS]
    found = simulation_split(names, seed=seed)
    assert sorted(name for each in found.values() for name in each) == sorted(names)
    chosen = {name for name in found["training"] if "+" not in name}
    assert len(chosen) == int(0.75 * len(GENES)) and not chosen & set(found["unseen_single"])
    for n in range(3):
        assert all(sum(gene in chosen for gene in pair.split("+")) == n for pair in found[f"combo_seen{n}"])
    both = [pair for pair in PAIRS if set(pair.split("+")) <= chosen]
    kept = [name for name in found["training"] if "+" in name]
    assert set(kept) <= set(both) and len(kept) == int(0.75 * len(both))
    assert simulation_split(names[::-1], seed=seed) == found
