# One run: a model on a dataset with a seed, then its scores. The record is the output; embedding.npz lies beside it.


rule embed:
    input:
        dataset=BOARD + "/{dataset}/dataset.json",
        # Functions are asked for every run, and most boards need none of these.
        checkpoint=checkpoint_of if RECIPES else [],
        environment=virtual_environment_of if ENVIRONMENTS else [],
        begun=begun_of if BEGUN else [],
    output:
        RUN + "/record.json",
    log:
        BOARD + "/logs/embed/{dataset}.{model}.{seed}.log",
    conda:
        conda_of if IN_CONDA else None
    container:
        container_of if IN_CONTAINER else None
    threads: SETTINGS.limits.threads
    resources:
        mem_mb=limit_memory,
        runtime=limit_minutes,
    params:
        model=model_source,
        limits=SETTINGS.limits.model_dump_json(),
        device=SETTINGS.device,
        deployed=deployed if IN_CONDA or IN_CONTAINER else "",
    shell:
        "scarena embed {wildcards.model} {input.dataset} --seed {wildcards.seed} --out {output}"
        " --settings {CONFIG} {params.deployed} 2> {log}"


if GPU_MODELS:

    use rule embed as embed_gpu with:
        output:
            BOARD + f"/{{dataset}}/{{model,{among(GPU_MODELS)}}}/{{seed}}/record.json",

    ruleorder: embed_gpu > embed


rule umap:
    input:
        dataset=BOARD + "/{dataset}/dataset.json",
        records=records_of,
    output:
        BOARD + "/{dataset}/umaps.npz",
    log:
        BOARD + "/logs/umap/{dataset}.log",
    threads: 1
    resources:
        mem_mb=half_memory,
        runtime=limit_minutes,
    shell:
        "scarena umap {input.dataset} {input.records} --out {output} --settings {CONFIG} 2> {log}"


rule score:
    input:
        record=RUN + "/record.json",
        reference=BOARD + "/{dataset}/reference.json",
    output:
        RUN + "/scores.json",
    log:
        BOARD + "/logs/score/{dataset}.{model}.{seed}.log",
    threads: SETTINGS.limits.threads
    resources:
        mem_mb=limit_memory,
        runtime=limit_minutes,
    params:
        metrics=metrics_fingerprint(),
        tasks=",".join(SETTINGS.tasks),
    shell:
        "scarena score {input.record} {input.reference} --out {output} --settings {CONFIG} 2> {log}"
