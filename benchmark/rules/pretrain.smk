# From a pretraining's configuration to a checkpoint. Shards and the training's state stay in the cache: what an
# interrupted step was to write is deleted, and a training must go on from where it was.


def recipe_file(wildcards):
    """The pretraining's configuration."""
    return str(RECIPES[wildcards.pretraining][0])


def recipe_threads(wildcards):
    return RECIPES[wildcards.pretraining][1].threads


def recipe_corpus(wildcards):
    """What makes a corpus stale: its configuration, its cards, and the code that builds it."""
    recipe = RECIPES[wildcards.pretraining][1]
    return corpus_source(recipe.corpus, bulk=bool(recipe.gene_features))


def recipe_training(wildcards):
    """What makes a checkpoint stale: its configuration, its corpus, and the code that trains it."""
    return training_source(RECIPES[wildcards.pretraining][1])


rule corpus:
    output:
        BOARD + "/corpora/{pretraining}.json",
    log:
        BOARD + "/logs/corpus/{pretraining}.log",
    threads: 1
    resources:
        mem_mb=pretrain_memory,
        runtime=pretrain_minutes,
    params:
        recipe=recipe_file,
        source=recipe_corpus,
    shell:
        "scarena corpus ensure {params.recipe} --out {output} --settings {CONFIG} 2> {log}"


rule pretrain:
    input:
        BOARD + "/corpora/{pretraining}.json",
    output:
        CHECKPOINT,
    log:
        BOARD + "/logs/pretrain/{pretraining}.log",
    threads: recipe_threads
    resources:
        mem_mb=pretrain_memory,
        runtime=pretrain_minutes,
    params:
        recipe=recipe_file,
        source=recipe_training,
        limits=SETTINGS.pretrain_limits.model_dump_json(),
        device=SETTINGS.device,
    shell:
        "scarena pretrain {params.recipe} --out {BOARD}/pretrained/{wildcards.pretraining} --corpus {input}"
        " --settings {CONFIG} 2> {log}"


use rule pretrain as pretrain_gpu with:
    output:
        BOARD
        + f"/pretrained/{{pretraining,{among(RECIPES if ON_GPU else [])}}}/manifest.json",


ruleorder: pretrain_gpu > pretrain
