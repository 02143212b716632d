# scArena's DAG. No science here: a rule calls one `scarena` verb, and a verb calls one function.
#   pull -> prepare -> embed -> score -> board -> report       (and the ontology once a board)
#   corpus -> pretrain -> embed                                (for each entry of `pretrain:`)
# Run it through `scarena run`, which unlocks and resumes after a crash, or with snakemake itself.
from pathlib import Path

from snakemake.utils import min_version, validate

min_version("9.0")


# Only where none was given: snakemake would merge this one into it, and a board must be what its own file says.
if not config:

    configfile: "config/demo.yaml"


validate(config, "config/schema.json")


include: "benchmark/rules/common.smk"
include: "benchmark/rules/recipes.smk"
include: "benchmark/rules/deployment.smk"
include: "benchmark/rules/data.smk"
include: "benchmark/rules/pretrain.smk"
include: "benchmark/rules/environment.smk"
include: "benchmark/rules/run.smk"
include: "benchmark/rules/board.smk"


# What needs the internet, which compute nodes often lack, or a moment runs beside the driver.
localrules:
    all,
    crate,
    pull,
    environment,


rule all:
    default_target: True
    input:
        # Each by name: a finished page would hide that one of the others was deleted.
        multiext(f"{BOARD}/board", ".json", ".parquet", ".html", ".csv", ".md"),
        f"{BOARD}/ro-crate-metadata.json",
