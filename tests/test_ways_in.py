"""Files that other services read say what the project says: workflows, hooks, containers, templates, citation."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PINS = dict(re.findall(r"^([\w-]+)==([\w.]+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE))
SETTINGS = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def read(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def commands(workflow):
    """Return what the steps of a workflow run, by job."""
    return {
        name: [step["run"] for step in job["steps"] if "run" in step] for name, job in read(workflow)["jobs"].items()
    }


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_call_targets_of_the_makefile_and_nothing_that_is_not_there(path):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    lines = [line for runs in commands(path).values() for run in runs for line in run.splitlines()]
    assert {line.split()[1] for line in lines if line.startswith("make ")} <= targets
    assert all((ROOT / line).exists() for line in lines if line.startswith(".ci/"))


def test_every_change_passes_what_the_local_integration_runs_on_every_python_and_macos():
    jobs = read(".github/workflows/ci.yml")["jobs"]
    assert commands(".github/workflows/ci.yml")["test"] == [".ci/run"]
    assert [commands(".github/workflows/ci.yml")[job][0] for job in ("lint", "docs", "build")] == [
        "make lint", "make docs", "make dist",
    ]  # fmt: skip
    ran = {(each["os"].split("-")[0], each["python"]) for each in jobs["test"]["strategy"]["matrix"]["include"]}
    assert {("ubuntu", f"3.{minor}") for minor in (11, 12, 13)} < ran and "macos" in {system for system, _ in ran}


def test_a_release_is_tested_before_it_is_published():
    jobs = read(".github/workflows/release.yml")["jobs"]
    assert commands(".github/workflows/release.yml")["build"][:3] == [".ci/run", "make docs", "make dist"]
    assert {name: job.get("needs") for name, job in jobs.items()} == {
        "build": None, "publish": "build", "announce": "publish", "site": "publish",
    }  # fmt: skip


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_text_of_a_request_is_part_of_a_script(path):
    told = [run for runs in commands(path).values() for run in runs]
    named = {each for run in told for each in re.findall(r"\$\{\{ *([\w.]+) *\}\}", run)}
    assert named <= {"github.event.number"}


def test_hooks_use_the_linters_at_the_pinned_versions():
    hooks = {repo["repo"].rpartition("/")[2]: repo.get("rev") for repo in read(".pre-commit-config.yaml")["repos"]}
    assert hooks == {"ruff-pre-commit": f"v{PINS['ruff']}", "snakefmt": f"v{PINS['snakefmt']}", "local": None}


@pytest.mark.parametrize("path", ["Dockerfile", "apptainer.def"])
def test_containers_use_a_python_that_is_supported_and_the_constraints(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    supported = SpecifierSet(re.search(r'requires-python = "(.*)"', SETTINGS)[1])
    assert all(version in supported for version in re.findall(r"python:(\d+\.\d+)", text))
    assert "--constraint" in text and "constraints.txt" in text


def test_an_image_is_built_from_every_file_of_the_repository():
    """A file that git misses makes the version of a tag that of a changed tree."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a clone")
    ask = ["git", "-C", str(ROOT), "ls-files", "--cached", "--ignored", "--exclude-from=.dockerignore"]
    assert subprocess.run(ask, capture_output=True, text=True, check=True).stdout == ""


def test_the_catalog_finds_what_it_asks_for():
    assert set(read(".snakemake-workflow-catalog.yml")["usage"]) == {
        "mandatory-flags", "software-stack-deployment", "report",
    }  # fmt: skip
    assert (ROOT / "Snakefile").exists() and (ROOT / "config/README.md").exists()


def test_the_citation_has_what_it_must():
    found = read("CITATION.cff")
    assert {"cff-version", "message", "title", "authors", "version", "date-released", "license"} <= set(found)
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["version"])


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda path: path.stem
)
def test_templates_ask_named_questions(path):
    found = read(path)
    assert found["name"] and found["description"]
    assert all(each["attributes"]["label"] for each in found["body"])
    assert len({each["id"] for each in found["body"]}) == len(found["body"])
