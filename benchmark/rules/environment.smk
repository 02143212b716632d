# A virtual environment that a model's card asks for: made once, in the cache.


rule environment:
    output:
        ENVIRONMENT,
    log:
        f"{BOARD}/logs/environment/{{environment}}.log",
    conda:
        as_installed
    threads: 1
    resources:
        mem_mb=few_mb,
        runtime=few_minutes,
    params:
        settings=CONFIG,
        model=model_in_environment,
    shell:
        "scarena environment {params.model} --out {output} --settings {params.settings} 2> {log}"
