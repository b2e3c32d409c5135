# The two commands that matter: `make run` and `make test`. Works with GNU make 3.81 and needs Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
# Tests and checks keep a home of their own: they never touch the data of a portal that runs from this folder.
CHECK := IPAI_HOME="$${IPAI_HOME:-.ipai/test}"
PYTEST := $(BIN)/python -m pytest
PARALLEL := -n 2 --dist loadgroup
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help setup run test test-fast lint bench bench-webhooks bench-reconciliation openapi stop clean
.DEFAULT_GOAL := help

help: ## Say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name words; do printf 'make %-15s %s\n' "$$name" "$$words"; done

setup: .venv/dev.stamp ## Make .venv with everything for running, testing and checking

run: .venv/run.stamp ## Start the portal (Ctrl-C stops all of it)
	@exec $(BIN)/python manage.py up

test: .venv/dev.stamp ## Run every test
	$(PYTEST) $(PARALLEL)

test-fast: .venv/dev.stamp ## Run the tests that take less than about five seconds each
	$(PYTEST) $(PARALLEL) -m "not slow"

lint: .venv/dev.stamp ## Style, types, import directions, migrations, API description, Spec Kit bundle
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(CHECK) $(BIN)/python -m mypy
	$(BIN)/lint-imports
	$(CHECK) $(BIN)/python manage.py check --fail-level WARNING
	$(CHECK) $(BIN)/python manage.py makemigrations --check --dry-run
	$(CHECK) $(BIN)/python manage.py migrationfreeze --check
	$(CHECK) $(BIN)/python manage.py speckit . --strict
	@mkdir -p .ipai/test
	$(CHECK) $(BIN)/python manage.py spectacular --validate --fail-on-warn --format openapi-json --file .ipai/test/openapi.json
	@cmp -s .ipai/test/openapi.json docs/openapi.json || { echo "docs/openapi.json is not what the code serves: run 'make openapi'"; exit 1; }

openapi: .venv/dev.stamp ## Write docs/openapi.json from the code
	$(CHECK) $(BIN)/python manage.py spectacular --validate --fail-on-warn --format openapi-json --file docs/openapi.json

bench: .venv/dev.stamp ## Measure loads against raw COPY and a bare client, and write docs/benchmarks.md
	$(BIN)/python -m bench

bench-webhooks: .venv/dev.stamp ## Measure webhook deliveries against one web process and write docs/benchmarks.md
	$(BIN)/python -m bench.webhooks

bench-reconciliation: .venv/dev.stamp ## Measure reconciliation suggestions on held-out ledgers and write docs/benchmarks-reconciliation.md
	$(BIN)/python -m bench.reconciliation

stop: ## Stop what a killed portal left running (Ctrl-C is enough otherwise)
	@if [ -x $(BIN)/python ]; then $(BIN)/python manage.py stop; else echo "Nothing was set up here"; fi

clean: ## Remove .venv and caches; the data in .ipai stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/python.stamp:
	@command -v "$(PYTHON)" >/dev/null || { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, and $(PYTHON) is $$("$(PYTHON)" -V 2>&1): name a newer one with make PYTHON=python3.12"; exit 1; }
	@"$(PYTHON)" -m venv --clear .venv || { echo "python3 -m venv failed: on Debian and Ubuntu install the package python3-venv"; exit 1; }
	@touch $@

.venv/run.stamp: .venv/python.stamp requirements.txt
	@echo "Installing requirements.txt into .venv (a minute or two, once)"
	@$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

.venv/dev.stamp: .venv/python.stamp requirements.txt requirements-dev.txt
	@echo "Installing requirements-dev.txt into .venv (a minute or two, once)"
	@$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@touch $@
	@touch .venv/run.stamp
