"""Of two slots one is always whole; a damaged checkpoint or one of another run is named, never used."""

import re

import pytest
import torch

from scarena.base.errors import ModelError
from scarena.base.files import read_json
from scarena.models.foundation.training.distributed import Place
from scarena.models.foundation.training.state import Slot, Store, check_same, differences, fingerprint

ALONE = Place(0, 1, torch.device("cpu"))


def store(folder):
    return Store(folder, ALONE, sharded=False)


def saved(folder, *numbers):
    for number in numbers:
        store(folder).save({"a": torch.full((2,), float(number))}, lambda number=number: {"number": number})


def held(folder):
    here = store(folder)
    slot = here.newest()
    return slot.manifest["number"], float(here.load(slot, dict)["a"][0])


def test_slots_are_written_in_turn_and_the_newest_is_read(tmp_path):
    assert store(tmp_path).newest() is None
    for number in range(5):
        saved(tmp_path, number)
        assert held(tmp_path) == (number, number)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["slot-0", "slot-1"][: number + 1]


def test_one_store_writes_the_slots_in_turn_too(tmp_path):
    here = store(tmp_path)
    for number in range(3):
        here.save({"a": torch.zeros(1)}, lambda number=number: {"number": number})
    numbers = [read_json(tmp_path / f"slot-{each}" / "manifest.json")["number"] for each in (0, 1)]
    assert numbers == [2, 1]


def test_a_write_that_ends_early_leaves_the_checkpoint_before(tmp_path):
    saved(tmp_path, 1, 2)

    def killed():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store(tmp_path).save({"a": torch.zeros(2)}, killed)
    assert held(tmp_path) == (2, 2)
    # What is left of it is in the way of nothing.
    saved(tmp_path, 3)
    assert held(tmp_path) == (3, 3)


@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_can_be_used(damage, tmp_path):
    saved(tmp_path, 1, 2)
    path = tmp_path / "slot-1" / "state.safetensors"
    if damage == "missing":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    with pytest.raises(ModelError, match=re.escape(str(path))) as caught:
        held(tmp_path)
    assert f"delete {path.parent}" in str(caught.value)
    for each in path.parent.iterdir():
        each.unlink()
    assert held(tmp_path) == (1, 1)


def test_a_manifest_that_is_no_manifest_is_named(tmp_path):
    saved(tmp_path, 1)
    (tmp_path / "slot-0" / "manifest.json").write_text("[]")
    with pytest.raises(ModelError, match=r"slot-0.manifest\.json"):
        store(tmp_path)


def test_tensors_that_share_memory_are_all_kept(tmp_path):
    whole = torch.arange(6.0).reshape(2, 3)
    tensors = {"whole": whole, "tied": whole, "turned": whole.T, "number": torch.tensor(3.0)}
    here = store(tmp_path)
    here.save(tensors, dict)
    found = here.load(here.newest(), dict)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], value) for name, value in tensors.items())


def test_what_differs_is_said_key_by_key():
    saved = {"a": 1, "b": {"c": [1, 2], "gone": 0}, "same": {"x": 1}}
    now = {"a": 1, "b": {"c": [1, 3], "new": 0}, "same": {"x": 1}}
    assert differences(saved, now) == [
        "b.c is [1, 2] there and [1, 3] here",
        "b.gone is 0 there and absent here",
        "b.new is absent there and 0 here",
    ]


def test_many_differences_are_counted(tmp_path):
    slot = Slot(tmp_path, {"identity": {str(key): 0 for key in range(9)}})
    with pytest.raises(ModelError, match="and 4 more"):
        check_same(slot, {str(key): 1 for key in range(9)})
    check_same(slot, {str(key): 0 for key in reversed(range(9))})


def test_a_fingerprint_does_not_depend_on_the_order_of_keys():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1}) != fingerprint({"a": 1, "b": 3})
