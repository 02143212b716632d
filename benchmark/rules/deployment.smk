# The environments that models' cards ask for. A virtual environment is made by a rule of its own, once, in the cache; a
# conda environment or a container is what snakemake deploys for the rule `embed`, where it is told to.

ENVIRONMENTS = environments_of(find_model(model, KNOWN) for model in SETTINGS.models)

# Only where a model asks for one: snakemake would ask for every run.
_ASKED = [
    model_named(m).card.environment for m in SETTINGS.models if m not in SUBMITTED
]
IN_CONDA = any(asked and asked.conda for asked in _ASKED)
IN_CONTAINER = any(asked and asked.container for asked in _ASKED)


def model_in_environment(wildcards):
    """A model that needs the environment; any of them will do."""
    return ENVIRONMENTS[wildcards.environment]


def virtual_environment_of(wildcards):
    """What says that a model's virtual environment is there; nothing for a model without one."""
    asked = card_environment(wildcards)
    if asked is None or not asked.pip:
        return []
    return expand(ENVIRONMENT, environment=digest_of(asked))


def conda_of(wildcards):
    if wildcards.model in SUBMITTED:
        return None
    file = conda_file(model_named(wildcards.model))
    return str(file) if file else None


def container_of(wildcards):
    asked = card_environment(wildcards)
    return asked.container if asked and asked.container else None


def deployed(wildcards):
    """The option that tells the step that it already runs in what the card names."""
    methods = {str(m).lower() for m in workflow.deployment_settings.deployment_method}
    kind = (conda_of(wildcards) and "conda") or (
        container_of(wildcards) and "apptainer"
    )
    return "--deployed" if kind and any(kind in method for method in methods) else ""
