# From a pretraining's configuration to a checkpoint. Shards and the training's state stay in the cache: what an
# interrupted step was to write is deleted, and a training must go on from where it was.


rule corpus:
    output:
        f"{BOARD}/corpora/{{pretraining}}.json",
    log:
        f"{BOARD}/logs/corpus/{{pretraining}}.log",
    conda:
        as_installed
    threads: 1
    resources:
        mem_mb=pretrain_memory,
        runtime=pretrain_minutes,
    params:
        settings=CONFIG,
        recipe=recipe_file,
        source=recipe_corpus,
    shell:
        "scarena corpus ensure {params.recipe} --out {output} --settings {params.settings} 2> {log}"


rule pretrain:
    input:
        f"{BOARD}/corpora/{{pretraining}}.json",
    output:
        CHECKPOINT,
    log:
        f"{BOARD}/logs/pretrain/{{pretraining}}.log",
    conda:
        as_installed
    threads: recipe_threads
    resources:
        mem_mb=pretrain_memory,
        runtime=pretrain_minutes,
    params:
        settings=CONFIG,
        recipe=recipe_file,
        source=recipe_training,
        folder=folder_made,
        limits=SETTINGS.pretrain_limits.model_dump_json(),
        device=SETTINGS.device,
    shell:
        "scarena pretrain {params.recipe} --out {params.folder} --corpus {input}"
        " --settings {params.settings} 2> {log}"


use rule pretrain as pretrain_gpu with:
    output:
        f"{BOARD}/pretrained/{{pretraining,{among(RECIPES if ON_GPU else [])}}}/manifest.json",


ruleorder: pretrain_gpu > pretrain
