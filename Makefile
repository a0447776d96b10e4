# Everything sets itself up in .venv: `make demo` and `make test` work on a machine with Python 3.11 (or newer) and git.
# A stamp file remembers each step, so that a second run starts at once.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
MODEL := $(VENV)/model
NPM := $(shell command -v npm)
PAGE := src/emendo/serve/static/index.html
EXTENSION := extension/dist/manifest.json

# Tests run side by side, a file by one of them; each holds a model or two.
WORKERS ?= 2

# Threads that spin long while they wait make everything crawl where another program shares the processor.
export GOMP_SPINCOUNT ?= 2000

.DEFAULT_GOAL := help
.PHONY: help demo serve web extension check test test-web test-extension chromium docs setup audit-deps constraints clean

help:  ## Say what each target does.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

demo: $(MODEL)  ## Find a fact, rewrite it, show the rewritten model at work, take it back.
	@$(BIN)/emendo demo

serve: $(MODEL) $(PAGE)  ## Chat with the original and the edited model on a page, and over OpenAI's API.
	@$(BIN)/emendo serve

web: $(PAGE)  ## Build the page (needs Node.js).

extension: $(EXTENSION)  ## Build the browser's extension into extension/dist (needs Node.js).

check: $(READY)  ## Read the code: ruff, mypy, import-linter, documentation.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/docs

test: check $(MODEL) test-web test-extension chromium  ## Check, then run every test, with a coverage report.
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) --dist loadfile --cov --cov-report=term --ignore=tests/docs --durations=15

test-web: $(PAGE)  ## Check the page's types and run its unit tests (needs Node.js).
ifneq ($(NPM),)
	cd web && $(NPM) run --silent check && $(NPM) run --silent test
endif

test-extension: $(EXTENSION)  ## Check the extension's types and run its unit tests (needs Node.js).
ifneq ($(NPM),)
	cd extension && $(NPM) run --silent check && $(NPM) run --silent test
endif

chromium:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get -qq update \
		&& DEBIAN_FRONTEND=noninteractive apt-get -qq install -y chromium >/dev/null; } \
		|| echo "chromium was not found, and could not be installed: install it to run the tests of the page." >&2

docs: $(READY)  ## Write the generated tables of the documentation.
	$(BIN)/python scripts/build_tables.py

setup: $(READY) $(MODEL) $(PAGE)  ## Install into .venv, fetch the embedded model, build the page.

audit-deps: $(READY)  ## Look the installed packages up among the known vulnerabilities (needs the network).
	$(BIN)/pip-audit --skip-editable

constraints: $(READY)  ## Write the installed versions to constraints.txt.
	{ sed -n '/^#/p' constraints.txt; $(BIN)/pip freeze --exclude-editable | sed 's/+cpu//'; } > constraints.new
	mv constraints.new constraints.txt

ifneq ($(NPM),)
$(PAGE): web/node_modules/.package-lock.json $(shell find web -type f -not -path '*/node_modules/*')
	cd web && $(NPM) run --silent build
	@touch $@

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && $(NPM) ci --silent
	@touch $@

# Colours and the reading of streams are those of the page.
$(EXTENSION): extension/node_modules/.package-lock.json $(shell find extension -type f -not -path '*/node_modules/*' -not -path '*/dist/*') \
		web/src/styles/tokens.css web/src/api/sse.ts src/emendo/__init__.py
	cd extension && $(NPM) run --silent build
	@touch $@

extension/node_modules/.package-lock.json: extension/package-lock.json
	cd extension && $(NPM) ci --silent
	@touch $@
else
.PHONY: $(PAGE) $(EXTENSION)
$(EXTENSION):
	@echo "npm was not found, so the browser's extension is not built; install Node.js 20 or newer." >&2
$(PAGE):
	@echo "npm was not found, so the page is not built and 'emendo serve' has its API alone; install Node.js 20 or newer." >&2
endif

clean:  ## Remove .venv and everything that tools left behind.
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov dist build web/node_modules src/emendo/serve/static extension/node_modules extension/dist
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
