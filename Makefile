# Everything sets itself up in .venv: `make demo` and `make test` work on a machine with Python 3.11 (or newer) and git.
# A stamp file remembers each step, so that a second run starts at once.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
MODEL := $(VENV)/model

# Threads that spin long while they wait make everything crawl where another program shares the processor.
export GOMP_SPINCOUNT ?= 2000

.DEFAULT_GOAL := help
.PHONY: help demo serve check test docs setup audit-deps constraints clean

help:  ## Say what each target does.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

demo: $(MODEL)  ## Find a fact, rewrite it, show the rewritten model at work, take it back.
	@$(BIN)/emendo demo

serve: $(MODEL)  ## Chat with the original and the edited model on a page, and over OpenAI's API.
	@$(BIN)/emendo serve

check: $(READY)  ## Read the code: ruff, mypy, import-linter, documentation.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/docs

test: check $(MODEL)  ## Check, then run every test, with a coverage report.
	$(BIN)/pytest --cov --cov-report=term --ignore=tests/docs --durations=15

docs: $(READY)  ## Write the generated tables of the documentation.
	$(BIN)/python scripts/build_tables.py

setup: $(READY) $(MODEL)  ## Install into .venv and fetch the embedded model.

audit-deps: $(READY)  ## Look the installed packages up among the known vulnerabilities (needs the network).
	$(BIN)/pip-audit --skip-editable

constraints: $(READY)  ## Write the installed versions to constraints.txt.
	{ sed -n '/^#/p' constraints.txt; $(BIN)/pip freeze --exclude-editable | sed 's/+cpu//'; } > constraints.new
	mv constraints.new constraints.txt

clean:  ## Remove .venv and everything that tools left behind.
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it with 'make PYTHON=/path/to/python3.11'." >&2; exit 1; }
	@echo "Setting up $(VENV): a few minutes, once."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(MODEL): $(READY)
	@$(BIN)/python -c 'from emendo.models import load_model; load_model()'
	@touch $@
