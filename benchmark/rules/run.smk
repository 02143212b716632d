# One run: a model on a dataset with a seed, then its scores. The record is the output; embedding.npz lies beside it.


rule embed:
    input:
        dataset=f"{BOARD}/{{dataset}}/dataset.json",
        # Functions are asked for every run, and most boards need none of these.
        checkpoint=checkpoint_of if RECIPES else [],
        environment=virtual_environment_of if ENVIRONMENTS else [],
        begun=begun_of if BEGUN else [],
    output:
        f"{RUN}/record.json",
    log:
        f"{BOARD}/logs/embed/{{dataset}}.{{model}}.{{seed}}.log",
    conda:
        conda_of if IN_CONDA else as_installed
    container:
        container_of if IN_CONTAINER else None
    threads: SETTINGS.limits.threads
    resources:
        mem_mb=limit_memory,
        runtime=limit_minutes,
    params:
        settings=CONFIG,
        model=model_source,
        limits=SETTINGS.limits.model_dump_json(),
        device=SETTINGS.device,
        deployed=deployed if IN_CONDA or IN_CONTAINER else "",
    shell:
        "scarena embed {wildcards.model} {input.dataset} --seed {wildcards.seed} --out {output}"
        " --settings {params.settings} {params.deployed} 2> {log}"


if GPU_MODELS:

    use rule embed as embed_gpu with:
        output:
            f"{BOARD}/{{dataset}}/{{model,{among(GPU_MODELS)}}}/{{seed}}/record.json",

    ruleorder: embed_gpu > embed


rule umap:
    input:
        dataset=f"{BOARD}/{{dataset}}/dataset.json",
        records=records_of,
    output:
        f"{BOARD}/{{dataset}}/umaps.npz",
    log:
        f"{BOARD}/logs/umap/{{dataset}}.log",
    conda:
        as_installed
    threads: 1
    resources:
        mem_mb=half_memory,
        runtime=limit_minutes,
    params:
        settings=CONFIG,
    shell:
        "scarena umap {input.dataset} {input.records} --out {output} --settings {params.settings} 2> {log}"


rule score:
    input:
        record=f"{RUN}/record.json",
        reference=f"{BOARD}/{{dataset}}/reference.json",
    output:
        f"{RUN}/scores.json",
    log:
        f"{BOARD}/logs/score/{{dataset}}.{{model}}.{{seed}}.log",
    conda:
        as_installed
    threads: SETTINGS.limits.threads
    resources:
        mem_mb=limit_memory,
        runtime=limit_minutes,
    params:
        settings=CONFIG,
        metrics=metrics_fingerprint(),
        tasks=",".join(SETTINGS.tasks),
    shell:
        "scarena score {input.record} {input.reference} --out {output} --settings {params.settings} 2> {log}"
