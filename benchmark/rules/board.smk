# From all runs to one board, and from the board to its page. What is marked `report` is in snakemake's own report.


rule board:
    input:
        scores=expand("{run}/scores.json", run=RUNS),
        records=expand("{run}/record.json", run=RUNS),
        datasets=expand(f"{BOARD}/{{dataset}}/dataset.json", dataset=DATASETS),
        pretrained=expand(CHECKPOINT, pretraining=RECIPES),
    output:
        json=report(
            f"{BOARD}/board.json",
            category="Board",
            labels={"file": "all that it says"},
        ),
        parquet=f"{BOARD}/board.parquet",
        replicates=f"{BOARD}/board.npz",
    log:
        f"{BOARD}/logs/board.log",
    conda:
        as_installed
    threads: 1
    resources:
        mem_mb=few_mb,
        runtime=few_minutes,
    params:
        settings=CONFIG,
    shell:
        "scarena board --out {output.json} --settings {params.settings} 2> {log}"


rule report:
    input:
        board=f"{BOARD}/board.json",
        umaps=expand(f"{BOARD}/{{dataset}}/umaps.npz", dataset=DATASETS),
    output:
        page=report(
            f"{BOARD}/board.html", category="Board", labels={"file": "the page"}
        ),
        table=report(
            f"{BOARD}/board.csv", category="Board", labels={"file": "every number"}
        ),
        summary=report(
            f"{BOARD}/board.md", category="Board", labels={"file": "the ranking"}
        ),
    log:
        f"{BOARD}/logs/report.log",
    conda:
        as_installed
    threads: 1
    resources:
        mem_mb=few_mb,
        runtime=few_minutes,
    params:
        settings=CONFIG,
    shell:
        "scarena report {input.board} --out {output.page} --settings {params.settings} 2> {log}"


# Beside the board, not of it: it names the machine and the day.
rule crate:
    input:
        multiext(f"{BOARD}/board", ".html", ".csv", ".md"),
    output:
        f"{BOARD}/ro-crate-metadata.json",
    log:
        f"{BOARD}/logs/crate.log",
    conda:
        as_installed
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        board=folder_made,
    shell:
        "scarena crate {params.board} 2> {log}"
