# `make board`: the demo board from nothing. `make test`: lint and every test. Both may be repeated at any time.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
TOOLS  := $(VENV)/.tools
SITE   := $(VENV)/.site
CONFIG ?= config/demo.yaml
# One more than there are cores: many tests wait, for Slurm, for a browser, for processes that they started.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# On Linux a package index gives torch with CUDA, which takes 4 GB more and serves nobody without a GPU of NVIDIA. `cpu` is the
# build from PyTorch's own index, `index` whatever the package index has.
TORCH  ?= $(shell test "$$(uname -s)" = Linux && ! command -v nvidia-smi > /dev/null && echo cpu || echo index)
PYTORCH := https://download.pytorch.org/whl/cpu
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# Images of containers set it; the hundreds of processes of a board or of the tests would each compile every module.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: board test lint unsafe soak docs links dist clean
.DELETE_ON_ERROR:

board: $(READY)
	$(BIN)/scarena run --config $(CONFIG)

# The mark is made last, so an interrupted install is taken up again. All modules compiled would be 400 MB; what
# a board imports is a third of that, and is imported once here, for those who later run it where nothing may be written.
$(READY): pyproject.toml constraints.txt
	@echo "scArena is installed into the folder $(VENV); nothing outside it is changed. Some minutes in all."
	@echo "1 of 3: an environment of $$($(PYTHON) --version)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "2 of 3: torch; TORCH=$(TORCH) (cpu: without a GPU, index: as the package index has it)"
	@if [ "$(TORCH)" = cpu ] && ! $(BIN)/python -m pip show --quiet torch 2> /dev/null; then \
	$(PIP) --no-compile --no-deps --retries 0 --timeout 15 --index-url $(PYTORCH) "$$(grep -oE '^torch==[0-9.]+' constraints.txt)" \
	|| echo "not from $(PYTORCH), so from the package index"; fi
	@echo "3 of 3: scArena and the packages that it needs; pip prints nothing meanwhile"
	@$(PIP) --no-compile --editable .
	-@$(BIN)/python -W ignore -c 'import scvi, scanpy, scib_metrics, umap, snakemake.cli, plotly.graph_objects, matplotlib.pyplot'
	@echo "installed: $$(du -sh $(VENV) | cut -f1) in $(VENV)"
	@touch $@

# What tests and linters need beside it. Triton is in this and not in a CPU's torch: its interpreter runs the kernels.
$(TOOLS): $(READY)
	@echo "what tests and linters need, into $(VENV)"
	@$(PIP) --no-compile --editable ".[dev]"
	@touch $@

# One thread of linear algebra a worker: those of three workers wait for each other on two cores, small probes five times
# as long. Steps that tests start get theirs from the board's limits.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

# What takes too long for every change: the demo through Slurm, fifty kills, thousands of files with bits turned over.
soak: $(TOOLS)
	$(BIN)/python -m pytest -m soak

# mypy and import-linter want one folder called `scarena`, with the __init__.py files that the checkout must not have.
# Snakemake's linter is what the workflow catalog asks; it writes the board's settings, so into that folder too.
lint: $(TOOLS) unsafe
	rm -rf .lint && mkdir .lint && cp -r benchmark .lint/scarena && cp -r models datasets metrics .lint/scarena/
	find .lint/scarena -name __pycache__ -prune -exec rm -r {} +
	find .lint/scarena -type d -exec touch {}/__init__.py ';'
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --package scarena
	PYTHONPATH=.lint $(BIN)/lint-imports
	$(BIN)/oxlint --deny-warnings -D correctness -D suspicious -D perf benchmark/report/templates
	$(BIN)/snakefmt --check Snakefile benchmark/rules
	$(BIN)/snakemake --lint --directory .lint --configfile config/demo.yaml

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
	$(PIP) --editable ".[docs]"
	touch $@

# A source distribution, and a wheel made from it, which holds the workflow as well.
dist: $(READY)
	$(PIP) --editable ".[release]"
	rm -rf dist
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) dist docs/_build .lint .cache .snakemake results/demo
