# `make board`: the demo board from nothing. `make test`: lint and every test. Both may be repeated at any time.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
SITE   := $(VENV)/.site
CONFIG ?= config/demo.yaml
# One more than there are cores: many tests wait, for Slurm, for a browser, for processes that they started.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# Images of containers set it; the hundreds of processes of a board or of the tests would each compile every module.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: board test lint unsafe soak docs links dist clean
.DELETE_ON_ERROR:

board: $(READY)
	$(BIN)/scarena run --config $(CONFIG)

# The mark is made last, so an interrupted install is taken up again.
$(READY): pyproject.toml constraints.txt
	@echo "installing scArena and what it needs into $(VENV): some minutes, and nothing is printed meanwhile"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable ".[dev]"
	@# pip compiles on one core; a package may hold a file for another Python, which is no matter.
	-@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib benchmark models datasets metrics
	touch $@

# One thread of linear algebra a worker: those of three workers wait for each other on two cores, small probes five times
# as long. Steps that tests start get theirs from the board's limits.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

# What takes too long for every change: the demo through Slurm, fifty kills, thousands of files with bits turned over.
soak: $(READY)
	$(BIN)/python -m pytest -m soak

# mypy and import-linter want one folder called `scarena`, with the __init__.py files that the checkout must not have.
lint: $(READY) unsafe
	rm -rf .lint && mkdir .lint && cp -r benchmark .lint/scarena && cp -r models datasets metrics .lint/scarena/
	find .lint/scarena -name __pycache__ -prune -exec rm -r {} +
	find .lint/scarena -type d -exec touch {}/__init__.py ';'
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --package scarena
	PYTHONPATH=.lint $(BIN)/lint-imports
	$(BIN)/oxlint --deny-warnings -D correctness -D suspicious -D perf benchmark/report/templates
	$(BIN)/snakefmt --check Snakefile benchmark/rules

# What ruff has no rule for, and files that it does not read; docs/safety.md says what to use instead.
unsafe:
	! grep -rnE --include=*.py 'allow_pickle *= *[^F ]' benchmark models datasets metrics docs/example-plugin
	! grep -rnE --include=*.py 'torch\.load\(' benchmark models datasets metrics docs/example-plugin | grep -v 'weights_only=True'
	! grep -nE 'pickle|dill|joblib|yaml\.load|\b(eval|exec)\(|extractall|shell *= *True|torch\.load' Snakefile benchmark/rules/*.smk

# The site, with warnings as errors; docs/site.md says what is checked. Links to other sites need a network.
docs: $(SITE)
	$(BIN)/python -m sphinx -E -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/python docs/check_blocks.py
	@if $(BIN)/python -c 'import socket; socket.create_connection(("doi.org", 443), 5)' 2> /dev/null; then $(MAKE) links; \
	else echo "no network: links to other sites are not checked"; fi

links: $(SITE)
	$(BIN)/python -m sphinx -q -b linkcheck docs docs/_build/links

$(SITE): $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	touch $@

# A source distribution, and a wheel made from it, which holds the workflow as well.
dist: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[release]"
	rm -rf dist
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) dist docs/_build .lint .cache .snakemake results/demo
