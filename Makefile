# `make board`: the demo board from nothing. `make test`: lint and every test. Both may be repeated at any time.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
CONFIG ?= config/demo.yaml
WORKERS ?= auto

.PHONY: board test soak lint clean
.DELETE_ON_ERROR:

board: $(READY)
	$(BIN)/scarena run --config $(CONFIG)

# The mark is made last, so an interrupted install is taken up again.
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

test: lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

# What takes too long for every change: the whole demo through Slurm is the demo of one machine.
soak: $(READY)
	$(BIN)/python -m pytest -m soak

# mypy and import-linter want one folder called `scarena`, with the __init__.py files that the checkout must not have.
lint: $(READY)
	rm -rf .lint && mkdir .lint && cp -r benchmark .lint/scarena && cp -r models datasets metrics .lint/scarena/
	for each in models models/foundation $(addprefix models/foundation/,corpus kernels training) models/controls models/adapters models/adapters/shared datasets metrics; do touch .lint/scarena/$$each/__init__.py; done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --package scarena
	PYTHONPATH=.lint $(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile benchmark/rules

clean:
	rm -rf $(VENV) .lint .cache .snakemake results/demo
