# From a card to a prepared dataset, and what all scores share: the ontology, and what they know of the dataset.


rule pull:
    output:
        BOARD + "/{dataset}/sources.json",
    log:
        BOARD + "/logs/pull/{dataset}.log",
    threads: 1
    resources:
        mem_mb=few_mb,
        runtime=few_minutes,
    params:
        card=dataset_card,
    shell:
        "scarena pull {wildcards.dataset} --out {output} --settings {CONFIG} 2> {log}"


rule prepare:
    input:
        BOARD + "/{dataset}/sources.json",
    output:
        BOARD + "/{dataset}/dataset.json",
    log:
        BOARD + "/logs/prepare/{dataset}.log",
    threads: 1
    resources:
        mem_mb=half_memory,
        runtime=limit_minutes,
    params:
        card=dataset_card,
        ontology=SETTINGS.ontology,
    shell:
        "scarena prepare {wildcards.dataset} {input} --out {output} --settings {CONFIG} 2> {log}"


rule ontology:
    output:
        BOARD + "/ontology.npz",
    log:
        BOARD + "/logs/ontology.log",
    threads: 1
    resources:
        mem_mb=few_mb,
        runtime=few_minutes,
    params:
        ontology=SETTINGS.ontology,
    shell:
        "scarena ontology --out {output} --settings {CONFIG} 2> {log}"


rule reference:
    input:
        dataset=BOARD + "/{dataset}/dataset.json",
        ontology=BOARD + "/ontology.npz",
    output:
        BOARD + "/{dataset}/reference.json",
    log:
        BOARD + "/logs/reference/{dataset}.log",
    threads: SETTINGS.limits.threads
    resources:
        mem_mb=half_memory,
        runtime=limit_minutes,
    params:
        metrics=metrics_fingerprint(),
        scored_cells=SETTINGS.scored_cells,
        within="intra-type" in SETTINGS.tasks,
    shell:
        "scarena reference {input.dataset} {input.ontology} --out {output} --settings {CONFIG} 2> {log}"
