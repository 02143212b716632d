"""What the profiles ask a cluster for: parsed and planned by snakemake, and put to the plugin that submits."""

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from scarena.cli.run import executor_of
from scarena.models.registry import all_models
from scarena.steps.config import BoardConfig

ROOT = Path(__file__).parents[2]
PROFILES = ROOT / "profiles"
GPU_KEYS = {"slurm": {"gpu": 1}, "slurm-gres": {"gres": "gpu:1"}, "kubernetes": {"gpu": 1}}

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("slurm")]


def profile(name: str) -> dict:
    return yaml.safe_load((PROFILES / name / "config.yaml").read_text())


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """Return the maker of dry runs: a profile, a device -> what is planned, by the file a job makes."""
    folder = tmp_path_factory.mktemp("plan")
    made: dict[tuple[str, str], dict[str, tuple[str, dict[str, str]]]] = {}

    def of(name: str, device: str = "cpu") -> dict[str, tuple[str, dict[str, str]]]:
        if (name, device) not in made:
            limits = {"memory_mb": 3000, "timeout_s": 90, "threads": 3}
            board = {"board": "b", "datasets": ["pollen"], "models": ["hvg", "scvi"], "device": device}
            (folder / "b.yaml").write_text(yaml.safe_dump({**board, "limits": limits}))
            command = [sys.executable, "-m", "scarena.cli", "run", "--config", "b.yaml", "--"]
            ways = ["--profile", str(PROFILES / name), "--dry-run"]
            done = subprocess.run(
                [*command, *ways], cwd=folder, capture_output=True, text=True, timeout=200, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
            made[name, device] = jobs_of(done.stdout + done.stderr)
        return made[name, device]

    return of


def jobs_of(output: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Return the rule and the resources of every planned job that has an output, by the first file of it.

    Jobs of a group are shown one by one too, further to the right.
    """
    found = {}
    for block in re.split(r"\n(?= *(?:local)?rule \w+:\n)", output)[1:]:
        rule = re.match(r" *(?:local)?rule (\w+):", block)
        file, given = (re.search(rf"^ +{key}: (.+)$", block, re.MULTILINE) for key in ("output", "resources"))
        threads = re.search(r"^ +threads: (\d+)$", block, re.MULTILINE)
        if rule and file and given:
            resources = dict(part.split("=", 1) for part in given[1].split(", "))
            found[file[1].split(", ")[0]] = (rule[1], {**resources, "threads": threads[1] if threads else "1"})
    return found


RUN = "results/b/pollen/{}/0/record.json"


@pytest.mark.parametrize("name", ["slurm", "slurm-gres", "kubernetes", "apptainer"])
def test_a_board_on_gpus_asks_for_one_where_a_model_computes_on_it_and_nowhere_else(plan, name):
    jobs = plan(name, "cuda")
    wanted = GPU_KEYS.get(name, {})
    assert jobs[RUN.format("scvi")][0] == "embed_gpu"
    assert {key: jobs[RUN.format("scvi")][1].get(key) for key in wanted} == {k: str(v) for k, v in wanted.items()}
    others = [resources for file, (_, resources) in jobs.items() if file != RUN.format("scvi")]
    assert len(others) >= 8
    assert not any({"gpu", "gres", "gpu_model"} & set(resources) for resources in others)


def test_a_board_on_the_cpu_asks_for_no_gpu(plan):
    jobs = plan("slurm")
    assert jobs[RUN.format("scvi")][0] == "embed"
    assert not any({"gpu", "gres"} & set(resources) for _, resources in jobs.values())


def test_a_cluster_leaves_a_step_more_than_the_limit_at_which_its_watcher_stops_it(plan):
    _, resources = plan("slurm")[RUN.format("hvg")]
    assert int(resources["mem_mb"]) > 3000
    assert int(resources["runtime"]) * 60 > 90 + 300
    # The head node's CPUs are no bound on what a step asks for.
    assert resources["threads"] == "3"


def test_the_two_profiles_of_slurm_differ_in_how_they_ask_for_a_gpu_alone():
    one, other = profile("slurm"), profile("slurm-gres")
    assert one.pop("set-resources") == dict.fromkeys(("embed_gpu", "pretrain_gpu"), GPU_KEYS["slurm"])
    assert other.pop("set-resources") == dict.fromkeys(("embed_gpu", "pretrain_gpu"), GPU_KEYS["slurm-gres"])
    assert one == other


@pytest.mark.parametrize("name", ["slurm", "slurm-gres"])
def test_slurm_accepts_what_the_plugin_makes_of_a_profiles_gpus(slurm, name):
    from snakemake_executor_plugin_slurm.utils import set_gres_string

    asked = profile(name)["set-resources"]["embed_gpu"]

    def said(resources: dict) -> str:
        job = SimpleNamespace(resources=SimpleNamespace(**resources, get=resources.get))
        ways = ["sbatch", "--test-only", f"--partition={slurm}", *set_gres_string(job).split(), "--wrap", "true"]
        return subprocess.run(ways, capture_output=True, text=True, timeout=60, check=False).stderr

    assert "to start at" in said(asked)
    model = {"gpu_model": "h100"} if name == "slurm" else {"gres": "gpu:h100:1"}
    assert "not available" in said({**asked, **model})


def test_partition_and_account_are_named_by_no_rule():
    rules = "".join(path.read_text() for path in sorted((ROOT / "benchmark/rules").glob("*.smk")))
    assert not re.search(r"slurm_|account|gres|gpu_model", rules)


def test_models_said_to_know_no_device_have_no_word_of_it_in_their_files():
    models = all_models()
    on_cpu = sorted(name for name, model in models.items() if not model.card.uses_device)
    assert {"hvg", "pca", "harmony", "seurat-cca", "symphony"} <= set(on_cpu)
    for name in on_cpu:
        text = Path(sys.modules[models[name].__module__].__file__).read_text()
        assert "device" not in text.replace("uses_device=False", ""), name
        # Of scArena-FM they may know what genes are worth, and not run its network.
        assert not re.search(r"scarena\.models\.(variational|foundation\.(embed|frozen)|pretrained)", text), name
        assert "import ScarenaFM" not in text and "adapt import adapt" not in text, name
    assert models["scvi"].card.uses_device and models["scgpt"].card.uses_device


def test_the_executor_is_the_one_that_options_or_profile_name(tmp_path, monkeypatch):
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    assert executor_of([]) == "local"
    assert executor_of(["--executor", "slurm", "-n"]) == "slurm"
    assert executor_of(["--profile", str(PROFILES / "slurm")]) == "slurm"
    assert executor_of([f"--profile={PROFILES / 'apptainer'}"]) == "local"
    monkeypatch.setenv("SNAKEMAKE_PROFILE", str(PROFILES / "slurm-gres"))
    assert executor_of([]) == "slurm"


def test_the_pod_runs_the_board_on_the_cpus_it_asks_for_and_keeps_what_it_makes():
    job = yaml.safe_load((PROFILES / "kubernetes/job.yaml").read_text())
    pod = job["spec"]["template"]["spec"]
    container = pod["containers"][0]
    command = container["command"]
    assert command[command.index("--cores") + 1] == container["resources"]["requests"]["cpu"]
    assert BoardConfig.model_validate(yaml.safe_load((ROOT / command[command.index("--config") + 1]).read_text()))
    assert (ROOT / command[command.index("--profile") + 1] / "config.yaml").is_file()
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"]: container["workingDir"] for volume in pod["volumes"]}
    asked = container["resources"]["requests"]["memory"]
    assert profile("kubernetes")["resources"]["mem_mb"] <= int(asked.removesuffix("Gi")) * 1024
