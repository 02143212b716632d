"""A clock that jumps makes a run do too much at most: it ends in the same board, and then finds nothing to do."""

import os
import shutil

import pytest

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("faults")]

DAY_NS = 86_400 * 10**9


# Every other file of tomorrow and of yesterday, or all of one day.
@pytest.mark.parametrize("days", [(1, -1), (1,), (-1,)], ids=["either", "tomorrow", "yesterday"])
def test_files_of_another_day_do_not_stop_a_run(make_place, undisturbed, days):
    place = make_place(f"clock{len(days)}{days[0]}")
    shutil.copytree(undisturbed.folder / "results", place.folder / "results")
    shutil.copytree(undisturbed.folder / ".snakemake", place.folder / ".snakemake")
    # The clock jumped when half of the board was there.
    for gone in ("board.json", "board.html", "ro-crate-metadata.json", "mine/umaps.npz", "mine/pca/0/scores.json"):
        (place.results / gone).unlink()
    for number, path in enumerate(sorted(each for each in place.results.rglob("*") if each.is_file())):
        stamp = path.stat().st_mtime_ns + days[number % len(days)] * DAY_NS
        os.utime(path, ns=(stamp, stamp))
    code, output = place.run()
    assert code == 0, output[-3000:]
    assert place.content() == undisturbed.content()
    code, output = place.run()
    assert code == 0 and "Nothing to be done" in output, output[-3000:]
