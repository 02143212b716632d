"""The page's script is its modules, in an order in which each has what it imports."""

import re

from scarena.report.page.script import FOLDER, MODULES, script


def test_every_module_is_in_it_after_those_that_it_imports_from():
    assert {*MODULES} == {path.stem for path in FOLDER.glob("*.js")}
    for place, name in enumerate(MODULES):
        text = (FOLDER / f"{name}.js").read_text(encoding="utf-8")
        assert {*re.findall(r'^import .* from "\./(\w+)\.js";$', text, re.MULTILINE)} <= {*MODULES[:place]}


def test_no_two_modules_give_the_same_name_to_something_at_their_top():
    found = re.findall(r"^(?:async )?(?:function|const|let) (\w+)", script(), re.MULTILINE)
    found += re.findall(r"^const \[?\{?(\w+), ", script(), re.MULTILINE)
    assert len(found) == len({*found})
    assert not re.search(r"^(import|export) ", script(), re.MULTILINE)


def test_the_hand_written_script_stays_short():
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in FOLDER.glob("*.js")) <= 800
