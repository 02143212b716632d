# From a card to a prepared dataset, and what all scores share: the ontology, and what they know of the dataset.


rule pull:
    output:
        f"{BOARD}/{{dataset}}/sources.json",
    log:
        f"{BOARD}/logs/pull/{{dataset}}.log",
    conda:
        as_installed
    threads: 1
    resources:
        mem_mb=few_mb,
        runtime=few_minutes,
    params:
        settings=CONFIG,
        card=dataset_card,
    shell:
        "scarena pull {wildcards.dataset} --out {output} --settings {params.settings} 2> {log}"


rule prepare:
    input:
        f"{BOARD}/{{dataset}}/sources.json",
    output:
        f"{BOARD}/{{dataset}}/dataset.json",
    log:
        f"{BOARD}/logs/prepare/{{dataset}}.log",
    conda:
        as_installed
    threads: 1
    resources:
        mem_mb=half_memory,
        runtime=limit_minutes,
    params:
        settings=CONFIG,
        card=dataset_card,
        ontology=SETTINGS.ontology,
    shell:
        "scarena prepare {wildcards.dataset} {input} --out {output} --settings {params.settings} 2> {log}"


rule ontology:
    output:
        f"{BOARD}/ontology.npz",
    log:
        f"{BOARD}/logs/ontology.log",
    conda:
        as_installed
    threads: 1
    resources:
        mem_mb=few_mb,
        runtime=few_minutes,
    params:
        settings=CONFIG,
        ontology=SETTINGS.ontology,
    shell:
        "scarena ontology --out {output} --settings {params.settings} 2> {log}"


rule reference:
    input:
        dataset=f"{BOARD}/{{dataset}}/dataset.json",
        ontology=f"{BOARD}/ontology.npz",
    output:
        f"{BOARD}/{{dataset}}/reference.json",
    log:
        f"{BOARD}/logs/reference/{{dataset}}.log",
    conda:
        as_installed
    threads: SETTINGS.limits.threads
    resources:
        mem_mb=half_memory,
        runtime=limit_minutes,
    params:
        settings=CONFIG,
        metrics=metrics_fingerprint(),
        scored_cells=SETTINGS.scored_cells,
        within="intra-type" in SETTINGS.tasks,
    shell:
        "scarena reference {input.dataset} {input.ontology} --out {output} --settings {params.settings} 2> {log}"
