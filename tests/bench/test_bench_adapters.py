import pytest

from scarena.bench.adapters import Published, _timed

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("how", [{}, {"padded_to": 600, "first": False}, {"by_length": True, "batch": 3}])
def test_both_sides_give_the_same_vectors(how: dict[str, object]) -> None:
    what = Published("tiny", 32, 4, 2, 48, most=600, **how)  # type: ignore[arg-type]
    timed = _timed(what, 7, 1, 0)
    assert timed.difference < 1e-5
    assert timed.padded > 0 and timed.adapter > 0 and timed.row()[0] == "tiny"
