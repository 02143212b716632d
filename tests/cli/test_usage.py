"""A wrong command line is one line and exit code 2, with the nearest word that there is."""

import inspect
import os
import subprocess
import sys

import pytest
from typer.main import get_command

from scarena.cli.app import app, main
from scarena.cli.usage import _PANELS


@pytest.fixture
def scarena(monkeypatch, capsys, tmp_path):
    """Return a function that runs the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(line):
        monkeypatch.setattr(sys, "argv", ["scarena", *line.split()])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run --confg x", "did you mean --config?"),
        ("run --core 2", "did you mean --cores?"),
        ("run --retry", "options of snakemake go after `--`"),
        ("run --report r.html", "options of snakemake go after `--`"),
        ("run -j 2", "no option -j"),
        ("run board.yaml", "options of snakemake go after `--`: `scarena run … -- board.yaml`"),
        ("run --cores", "requires an argument"),
        ("run --cores two", "invalid value for '--cores'"),
        ("run --cores 0", "--cores"),
        ("models --jsn", "scarena models: no option --jsn; did you mean --json?"),
        ("datasets mine", "takes no 'mine'"),
        ("check-model --al", "did you mean --all?"),
        ("fm embed x.h5ad --ouput z.npz", "did you mean --out?"),
        ("bench scale --formt zarr", "did you mean --format?"),
        ("bench scale --format zar", "invalid value for '--format'"),
        ("embed", "missing argument 'model'"),
        ("verify board --share 2", "invalid value for '--share'"),
        ("modles", "scarena: no verb 'modles'; did you mean `scarena models`?"),
        ("fm embd x", "scarena fm: no verb 'embd'; did you mean `scarena fm embed`?"),
        ("finetune x", "did you mean `scarena fm finetune`?"),
        ("corpus pretrain x", "did you mean `scarena pretrain`?"),
        ("zzz", "see `scarena --help`"),
        ("--verson", "did you mean --version?"),
    ],
)
def test_a_wrong_word_is_one_line_and_exit_code_2(scarena, line, words, tmp_path):
    code, out, err = scarena(line)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_terminal_does_not_obey_what_a_wrong_word_says(scarena):
    _, _, err = scarena("run --con\x1b[2Jfig")
    assert "\x1b" not in err


def test_options_of_snakemake_pass_after_two_hyphens_alone(scarena, monkeypatch):
    from scarena.cli import run

    asked = []
    monkeypatch.setattr(run, "run_board", lambda *given, **more: asked.append((given, more)) or 0)
    scarena("run --config b.yaml -n --profile p -- --report r.html x -- y")
    ((_, _, extra), more), *_ = asked
    assert extra == ["--profile", "p", "--dry-run", "--report", "r.html", "x", "--", "y"]
    assert more == {"retry_failed": False, "verbose": False}


def commands(group=None, path=("scarena",)):
    """Yield every verb with its path."""
    group = group or get_command(app)
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))


def test_every_verb_stands_in_a_panel_and_says_what_it_does():
    top = [(path, command) for path, command in commands() if len(path) == 2]
    assert len(top) > 25
    assert {command.rich_help_panel for _, command in top} == set(_PANELS)
    assert all(command.help for _, command in commands())


def test_the_panels_stand_in_their_order_and_groups_last_in_theirs(scarena, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    _, out, _ = scarena("--help")
    places = [out.index(f"─ {panel} ─") for panel in _PANELS]
    assert places == sorted(places)
    assert out.index("recommend") < out.index(" fm ")
    assert out.index("reproduce") < out.index(" bench ")


@pytest.mark.parametrize("path", [path for path, _ in commands()], ids=" ".join)
def test_help_is_asked_for_by_a_letter_too(path, scarena):
    code, out, err = scarena(" ".join([*path[1:], "-h"]))
    assert (code, err) == (0, "")
    assert f"Usage: {' '.join(path)}" in out


@pytest.mark.parametrize("line", ["", "fm", "bench"])
def test_no_words_at_all_show_what_there_is(line, scarena):
    code, out, err = scarena(line)
    assert code == 2 and "Usage:" in out + err and "error" not in err


def test_the_version_is_that_of_the_package(scarena):
    from importlib.metadata import version

    assert scarena("--version") == (0, f"scarena {version('scarena')}\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_verbs_and_options(shell):
    def completed(words, **more):
        number = str(len(words.split(" ")) - 1)
        env = {"_SCARENA_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": words, "COMP_WORDS": words}
        env |= {"COMP_CWORD": number, "_TYPER_COMPLETE_FISH_ACTION": "get-args", **more}
        done = subprocess.run(
            [sys.executable, "-m", "scarena.cli"],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    assert "check-model" in completed("scarena check")
    assert "--retry-failed" in completed("scarena run --re")


# What is over at once, or has a display of its own (`run`).
QUICK = {
    "run", "datasets", "models", "tasks", "metrics", "new-model", "submit", "submit-genes", "submit-response",
    "deposit", "config-schema", "crate", "diff", "fm sizes",
}  # fmt: skip


@pytest.mark.parametrize(
    "path", [path for path, command in commands() if not hasattr(command, "commands")], ids=" ".join
)
def test_every_verb_that_takes_long_shows_what_it_does(path):
    callback = dict(commands())[path].callback
    source = inspect.getsource(inspect.unwrap(callback))
    assert ("shown(" in source or "doing(" in source) is (" ".join(path[1:]) not in QUICK)
