"""What is said of the time left follows from steps of the kind that have ended, and says for how many it does."""

import pytest

from scarena.cli.time_left import TimeLeft, duration, foreseen

EMBED = ("embed", "hvg"), ("embed", "scvi")


def ran(known, *steps):
    """Let steps run one after the other; return when the last ended."""
    at = 0.0
    for job, (kind, seconds) in enumerate(steps):
        known.begin(job, kind, at)
        at += seconds
        known.end(job, at)
    return at


def test_nothing_is_known_before_a_step_has_ended():
    known = TimeLeft(foreseen({"embed": 3}, {}))
    known.begin(1, EMBED[0], 0.0)
    assert known.words(100.0) == ""


def test_steps_of_one_kind_take_as_long_as_those_before():
    known = TimeLeft(foreseen({"embed": 4}, {}))
    now = ran(known, (("embed", ""), 20), (("embed", ""), 40))
    assert known.seconds(now) == (pytest.approx(60), 2, 2)


def test_a_model_is_taken_to_last_as_the_others_until_it_has_run_once():
    known = TimeLeft(foreseen({"embed": 4}, {"embed": ["hvg", "hvg", "scvi", "scvi"]}))
    now = ran(known, (EMBED[1], 300))
    assert known.seconds(now) == (pytest.approx(3 * 300), 3, 3)
    known.begin(9, EMBED[0], now)
    known.end(9, now + 6)
    assert known.seconds(now + 6) == (pytest.approx(300 + 6), 2, 2)


def test_a_rule_of_which_no_step_has_ended_is_said_to_be_left_out():
    known = TimeLeft(foreseen({"embed": 2, "umap": 4, "report": 1}, {}))
    now = ran(known, (("embed", ""), 300))
    assert known.seconds(now) == (pytest.approx(300), 1, 6)
    assert known.words(now) == "about 5 min for 1 of the 6 steps left"


def test_models_that_were_not_foreseen_are_counted_by_their_rule():
    # Four runs, of which three are to be made again: by their files nobody knows which.
    known = TimeLeft(foreseen({"embed": 3}, {"embed": ["hvg"] * 4}))
    now = ran(known, (EMBED[0], 10), (EMBED[1], 30))
    assert known.seconds(now) == (pytest.approx(20), 1, 1)


def test_two_at_once_take_half_as_long():
    known = TimeLeft(foreseen({"score": 6}, {}))
    for job in (1, 2):
        known.begin(job, ("score", ""), 0.0)
    for job in (1, 2):
        known.end(job, 10.0)
    assert known.seconds(10.0)[0] == pytest.approx(20)


def test_what_runs_counts_with_what_it_has_left_and_never_less_than_nothing():
    known = TimeLeft(foreseen({"score": 2}, {}))
    now = ran(known, (("score", ""), 100))
    known.begin(9, ("score", ""), now)
    assert known.seconds(now + 60)[0] == pytest.approx(40)
    assert known.seconds(now + 500)[0] == 0


def test_what_could_not_be_done_says_nothing_of_how_long_it_takes():
    known = TimeLeft(foreseen({"embed": 3}, {}))
    known.begin(1, ("embed", ""), 0.0)
    known.end(1, 0.1, usual=False)
    assert known.seconds(1.0)[1:] == (0, 2)
    known.begin(2, ("embed", ""), 1.0)
    known.end(2, 31.0)
    assert known.seconds(31.0) == (pytest.approx(30), 1, 1)


def test_a_step_that_broke_is_still_to_be_made():
    known = TimeLeft(foreseen({"score": 2}, {}))
    now = ran(known, (("score", ""), 10))
    known.begin(9, ("score", ""), now)
    known.stop(9)
    assert known.seconds(now)[1:] == (1, 1)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "10 s"), (26, "30 s"), (58, "1 min"), (200, "3 min"), (1500, "25 min"), (3600, "1 h"), (7400, "2 h")],
)
def test_a_time_is_said_no_finer_than_it_is_known(seconds, words):
    assert duration(seconds) == words
