"""The command line: quick to start, and one line for what a user got wrong."""

import json
import subprocess
import sys

import pytest


def scarena(*arguments, cwd=None, **env):
    import os

    command = [sys.executable, "-m", "scarena.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env={**os.environ, **env})


@pytest.mark.parametrize("verb", [["--help"], ["run", "--help"], ["datasets"]])
def test_help_and_listings_import_no_heavy_library(verb):
    code = (
        "import sys\nfrom scarena.cli.app import app\n"
        f"try: app({verb!r})\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'scanpy', 'anndata', 'scvi', 'jax') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip().splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("board: x\ndatasets: [baron_h1]\nmodels: [harmny]\n", "did you mean 'harmony'"),
        ("board: x\ndatasets: [baron_h2]\nmodels: [hvg]\n", "baron_h1"),
        ("board: x\n", "datasets"),
        ("{", "YAML"),
    ],
)
def test_a_wrong_configuration_is_one_line_and_exit_code_2(tmp_path, text, words):
    (tmp_path / "c.yaml").write_text(text)
    done = scarena("run", "--config", "c.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("verb", ["datasets", "models", "metrics"])
def test_listings_come_as_json_too(verb):
    rows = json.loads(scarena(verb, "--json").stdout)
    assert len(rows) > 5
    assert all(all(isinstance(value, str) for value in row.values()) for row in rows)
