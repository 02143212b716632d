"""A disk that fills up, or may not be written to, ends a run in one line; with room again the same command goes on."""

import os
import shutil
import subprocess

import pytest

from scarena.base.files import read_json

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("faults")]

MIB = 2**20


def mount(*options):
    done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs to mount a small disk: {done.stderr.strip()}")


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A disk of 400 MiB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs to be root, to mount a small disk")
    folder = tmp_path_factory.mktemp("disk")
    mount("-t", "tmpfs", "-o", "size=400m", "none", str(folder))
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder, room):
    """Leave some bytes free."""
    filler = folder / "filler"
    filler.unlink(missing_ok=True)
    free = shutil.disk_usage(folder).free
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free - room))


# Room at which runs stop in turn, at one step or another.
USUAL = (MIB // 64, 2 * MIB, 48 * MIB)
MORE = (MIB // 256, MIB // 16, MIB // 2, 4 * MIB, 8 * MIB, 16 * MIB, 24 * MIB)


@pytest.mark.parametrize("rooms", [USUAL, MORE], ids=["usual", "more"])
def test_a_run_ends_in_a_line_and_goes_on_when_there_is_room(make_place, undisturbed, disk, rooms):
    for each in disk.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    place = make_place("disk", disk)
    mount("-o", "remount,ro", str(disk))
    code, output = place.run()
    mount("-o", "remount,rw", str(disk))
    assert code == 1
    assert output.strip().startswith("workspace error: ") and "read-only" in output and len(output.splitlines()) == 1
    stopped = 0
    for room in rooms:
        fill(disk, room)
        code, output = place.run()
        stopped += code == 1
        # A model is not to blame for a disk: it has no state yet, or a good one.
        for record in place.results.glob("mine/*/0/record.json"):
            said = read_json(record)
            assert said["state"] == "ok", (room, said["reason"], output[-2000:])
        if code == 0:
            break
    assert stopped >= 2
    (disk / "filler").unlink(missing_ok=True)
    code, output = place.run()
    assert code == 0, output[-3000:]
    assert place.content() == undisturbed.content()
    assert place.page() == undisturbed.page()
