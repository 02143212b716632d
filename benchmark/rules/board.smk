# From all runs to one board, and from the board to its page. What is marked `report` is in snakemake's own report.


rule board:
    input:
        scores=expand("{run}/scores.json", run=RUNS),
        records=expand("{run}/record.json", run=RUNS),
        datasets=expand(BOARD + "/{dataset}/dataset.json", dataset=DATASETS),
        pretrained=expand(CHECKPOINT, pretraining=RECIPES),
    output:
        json=report(
            BOARD + "/board.json",
            category="Board",
            labels={"file": "all that it says"},
        ),
        parquet=BOARD + "/board.parquet",
    log:
        BOARD + "/logs/board.log",
    threads: 1
    resources:
        mem_mb=few_mb,
        runtime=few_minutes,
    shell:
        "scarena board --out {output.json} --settings {CONFIG} 2> {log}"


rule report:
    input:
        board=BOARD + "/board.json",
        umaps=expand(BOARD + "/{dataset}/umaps.npz", dataset=DATASETS),
    output:
        page=report(
            BOARD + "/board.html", category="Board", labels={"file": "the page"}
        ),
        table=report(
            BOARD + "/board.csv", category="Board", labels={"file": "every number"}
        ),
        summary=report(
            BOARD + "/board.md", category="Board", labels={"file": "the ranking"}
        ),
    log:
        BOARD + "/logs/report.log",
    threads: 1
    resources:
        mem_mb=few_mb,
        runtime=few_minutes,
    shell:
        "scarena report {input.board} --out {output.page} --settings {CONFIG} 2> {log}"


# Beside the board, not of it: it names the machine and the day.
rule crate:
    input:
        multiext(BOARD + "/board", ".html", ".csv", ".md"),
    output:
        BOARD + "/ro-crate-metadata.json",
    log:
        BOARD + "/logs/crate.log",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "scarena crate {BOARD} 2> {log}"
