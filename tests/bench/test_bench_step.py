"""What a step costs is a table of both ways to begin one."""

from scarena.bench.step import COLUMNS, time_steps


def test_both_steps_are_timed_both_ways():
    rows = time_steps(repeats=1)
    assert all(len(row) == len(COLUMNS) for row in rows)
    timed = [row for row in rows if row[0] != "machine"]
    assert [row[:2] for row in timed] == [
        [step, begun] for begun in ("alone", "in a board") for step in ("embed random-64", "score random-64")
    ]
    assert all(float(row[2]) >= float(row[3]) > 0 and float(row[4]) >= 0 for row in timed)
