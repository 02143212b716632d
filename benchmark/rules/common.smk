# Names every rule uses. The configuration file is handed to each verb, so a step can be repeated by hand from its log.
import gc
import re
from collections import defaultdict
from functools import cache
from math import ceil

from scarena.steps.begun import record_begun
from scarena.steps.config import datasets_of, load_config, parse_config
from scarena.steps.door import IN_BOARD
from scarena.datasets.card import card_fingerprint
from scarena.steps.environments import conda_file, digest_of, environments_of
from scarena.models.foundation.recipe import corpus_source, training_source
from scarena.models.registry import find_model, fingerprint
from scarena.steps.pretraining import all_checkpoints, recipes_of
from scarena.steps.record import metrics_fingerprint
from scarena.steps.submissions import runs_of, submission_fingerprint, submitted

# Little of what a plan is made of becomes garbage: looking for it took a sixth of the time to plan 12,000 jobs.
gc.set_threshold(100_000, 50, 1000)

# A step that fails leaves a state and ends well; where a person calls the same verb, it does not.
shell.prefix(f"set -euo pipefail; export {IN_BOARD}=1; ")

SETTINGS = parse_config(
    {k: v for k, v in config.items() if not k.startswith("_")}, "config"
)
BOARD = str(SETTINGS.folder)
DATASETS = datasets_of(SETTINGS)
RECIPES = recipes_of(SETTINGS)
CONFIG = f"{BOARD}/config.json"
KNOWN = {**all_checkpoints(SETTINGS), **dict.fromkeys(RECIPES)}
CHECKPOINT = f"{BOARD}/pretrained/{{pretraining}}/manifest.json"
ENVIRONMENT = f"{BOARD}/environments/{{environment}}.json"
RUN = f"{BOARD}/{{dataset}}/{{model}}/{{seed}}"
RUNS, RECORDS = [], defaultdict(list)
for _dataset, _model, _seed in runs_of(SETTINGS):
    RUNS.append(f"{BOARD}/{_dataset}/{_model}/{_seed}")
    RECORDS[_dataset].append(f"{RUNS[-1]}/record.json")
SUBMITTED = submitted(SETTINGS)
# The runs and pretrainings of rules of their own, for which a profile can ask for a GPU.
ON_GPU = SETTINGS.device.startswith("cuda")
_CARDS = [find_model(name, KNOWN).card for name in SETTINGS.models if ON_GPU]
GPU_MODELS = [c.name for c in _CARDS if c.uses_device and c.family != "control"]


def among(names):
    """A wildcard's constraint: one of these names."""
    return "|".join(map(re.escape, names)) or "(?!)"


# On top of a limit, for every attempt: snakemake and the watcher around the child, and their start on a slow disk.
ROOM_MB, ROOM_MINUTES = 2000, 10


wildcard_constraints:
    dataset="[a-z0-9][a-z0-9_.-]*",
    model="[a-z0-9][a-z0-9@.-]*",
    pretraining="[a-z0-9][a-z0-9-]*",
    environment="[0-9a-f]{16}",
    seed="[0-9]+",


# Written while the DAG is built, and only when it changed: every verb reads its settings from here.
_text = SETTINGS.model_dump_json(indent=1)
if not Path(CONFIG).exists() or Path(CONFIG).read_text() != _text:
    Path(CONFIG).parent.mkdir(parents=True, exist_ok=True)
    Path(CONFIG).write_text(_text)


def as_installed(wildcards):
    """Nothing to deploy: a step runs where the plan was made, and a plan needs scArena installed."""
    return None


def folder_made(wildcards, output):
    """The folder of a step's output."""
    return str(Path(output[0]).parent)


def dataset_card(wildcards):
    """What makes a prepared dataset stale: its card."""
    return card_fingerprint(wildcards.dataset, SETTINGS.user_cards)


@cache
def model_named(name):
    """The model's class: snakemake asks for it several times for every run."""
    return find_model(name, KNOWN)


@cache
def source_of(name):
    if name in SUBMITTED:
        return submission_fingerprint(SETTINGS, name)
    return fingerprint(model_named(name))


def model_source(wildcards):
    """What makes an embedding stale: the model's card and source. A checkpoint made here is an input, not looked at."""
    return source_of(wildcards.model)


def checkpoint_of(wildcards):
    """The checkpoint that a model MODEL@NAME is of; none for any other model."""
    _, _, name = wildcards.model.partition("@")
    return expand(CHECKPOINT, pretraining=name) if name in RECIPES else []


# Models that begin with the vectors of another one of this board.
BEGUN = [
    m
    for m in SETTINGS.models
    if m not in SUBMITTED and model_named(m).starts_from in SETTINGS.models
]


def begun_of(wildcards):
    """The run whose vectors a model begins with; none for most."""
    if wildcards.model not in BEGUN:
        return []
    folder = SETTINGS.folder / wildcards.dataset
    return str(
        record_begun(model_named(wildcards.model), folder, wildcards.seed, SETTINGS)
    )


def card_environment(wildcards):
    """The environment that a model's card asks for; None for most."""
    if wildcards.model in SUBMITTED:
        return None
    return model_named(wildcards.model).card.environment


def limit_memory(wildcards, attempt):
    """MiB for a step that is stopped at the board's limit: the limit, and room for the processes that watch it.

    A cluster must not end a step before its own watcher does: only the watcher leaves a state on the board.
    """
    return int(SETTINGS.limits.memory_mb) + ROOM_MB * attempt


def limit_minutes(wildcards, attempt):
    """Minutes for a step that is stopped at the board's limit, and for starting it."""
    return ceil(SETTINGS.limits.timeout_s / 60) + ROOM_MINUTES * attempt


def half_memory(wildcards, attempt):
    """MiB for a step under the same limit that seldom needs half of it: half, and all from the second attempt on."""
    return int(SETTINGS.limits.memory_mb) * min(attempt, 2) // 2 + ROOM_MB * attempt


def pretrain_memory(wildcards, attempt):
    return int(SETTINGS.pretrain_limits.memory_mb) + ROOM_MB * attempt


def pretrain_minutes(wildcards, attempt):
    return ceil(SETTINGS.pretrain_limits.timeout_s / 60) + ROOM_MINUTES * attempt


def few_mb(wildcards, attempt):
    """MiB for a step that nothing watches."""
    return 4000 * attempt


def few_minutes(wildcards, attempt):
    return 60 * attempt


def records_of(wildcards):
    """The records of a dataset's runs."""
    return RECORDS[wildcards.dataset]
