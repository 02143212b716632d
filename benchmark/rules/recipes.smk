# What the rules of pretrain.smk ask of a pretraining's configuration.


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
