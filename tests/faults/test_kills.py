"""However often the driver and all its children are killed, the same command ends in the board of an undisturbed run.

Kills are drawn: a step among those that are to be hit, and a moment within it. What was finished, and noted as such,
stays as it was: only what ran when the power went is computed again.
"""

import random
import shutil
import time

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("faults")]

VERBS = ("pull", "prepare", "reference", "corpus", "pretrain", "embed", "score", "board", "report")
# Longer than any of these steps takes once it has begun.
_WITHIN_S, _PATIENCE_S = 3.0, 300


def finished(place):
    """Return when each file that ends a step was last written."""
    found = [*place.results.rglob("*.json"), *place.results.rglob("*.html")]
    return {str(p.relative_to(place.folder)): p.stat().st_mtime_ns for p in found if not p.name.startswith(".")}


def kill_within(place, verb, delay):
    """Start the driver, wait for a step, then some time; kill everything; return what ran, or None if it never came."""
    process = place.start()
    deadline = time.monotonic() + _PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        if any(found == verb for found, _ in place.steps(place.tree(process))):
            break
        time.sleep(0.05)
    else:
        process.communicate()
        return None
    time.sleep(delay)
    hit = place.tree(process)
    ran = {file for _, file in place.steps(hit)}
    place.kill(hit)
    process.communicate()
    return ran | place.unfinished()


def killed_again_and_again(place, n_kills, seed):
    """Kill runs in drawn steps, beginning anew when a board is finished before; return the steps that were hit."""
    draw, hit, ran, before = random.Random(seed), [], set(), {}
    while len(hit) < n_kills:
        # Some of one board, in its order, so that most kills find what they wait for.
        for verb in sorted(draw.choices(VERBS, k=min(4, n_kills - len(hit))), key=VERBS.index):
            found = kill_within(place, verb, draw.uniform(0, _WITHIN_S))
            after = finished(place)
            again = {file for file in before if after.get(file) != before[file]}
            assert not {file for file in again if not file.startswith(tuple(ran))}, (verb, again, ran)
            hit += [verb] if found is not None else []
            ran, before = found or set(), after
        if len(hit) < n_kills:
            shutil.rmtree(place.results)
            ran, before = set(), {}
    return hit


@pytest.mark.parametrize(("n_kills", "seed"), [(2, 0), pytest.param(50, 1, marks=pytest.mark.soak)])
def test_a_board_whose_drivers_were_killed_is_the_undisturbed_one(make_place, undisturbed, n_kills, seed):
    place = make_place(f"killed{n_kills}")
    hit = killed_again_and_again(place, n_kills, seed)
    assert len(hit) >= n_kills
    code, output = place.run()
    assert code == 0, output[-3000:]
    assert place.content() == undisturbed.content()
    assert place.page() == undisturbed.page()
    assert not place.survivors()
