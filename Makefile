# Everything this project does from a shell. `make` says what there is.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(BIN)/uv
PYTHON ?= python3
export PYTHONPATH :=
# Tests start hundreds of processes: none compiles again what the one before it compiled.
export PYTHONDONTWRITEBYTECODE :=
export UV_PROJECT_ENVIRONMENT := $(VENV)

.PHONY: help
help:  ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY)  ## make .venv with the pinned dependencies

$(READY): pyproject.toml uv.lock README.md
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or later is needed; PYTHON=... says where it is" >&2; exit 1; }
	@test -e $@ || echo "making $(VENV), once; it takes a minute ..." >&2
	@test -x $(BIN)/python || { $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) --no-print-directory venv-package; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || { $(BIN)/python -m ensurepip --default-pip >/dev/null && $(BIN)/python -m pip install --quiet uv; }
	@$(UV) sync --quiet --frozen --inexact --compile-bytecode
	@touch $@

# Debian and Ubuntu ship Python without what makes virtual environments.
.PHONY: venv-package
venv-package:
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		echo "installing python3-venv with apt-get, once ..." >&2; \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y python3-venv >/dev/null; \
	else \
		echo "Python's venv is missing; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; \
	fi

.PHONY: demo
demo: $(READY)  ## all of it in one terminal: servers, workers, prepaid and postpaid users
	@$(BIN)/python -m tests.servers --durable $(BIN)/cloudtill demo

.PHONY: servers
servers: $(READY)  ## a private RabbitMQ and Postgres until Ctrl-C
	@$(BIN)/python -m tests.servers --durable

.PHONY: up
up:  ## all of it until Ctrl-C, with the portal's pages: docker compose, else processes of this machine
	@if docker info >/dev/null 2>&1; then docker compose up --build; else \
		$(MAKE) --silent $(READY) && $(BIN)/python -m tests.servers --durable $(BIN)/cloudtill up; fi

.PHONY: test
test: $(READY)  ## all tests; ARGS="-k wallet" picks
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

.PHONY: check
check: $(READY)  ## format, lint, types, walls between the services
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: fmt
fmt: $(READY)  ## format, and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(READY)  ## what it costs, against yardsticks
	@$(BIN)/python -m tests.servers --durable $(BIN)/python -m tests.benchmarks $(ARGS)

.PHONY: simulate
simulate: $(READY)  ## workers on virtual time, a million steps; ARGS="--seed 7"
	@$(BIN)/python -m tests.simulation $(ARGS)

.PHONY: faults
faults: $(READY)  ## kill, cut and starve everything while customers order; then look at the books
	@$(BIN)/python -m tests.faults $(ARGS)

.PHONY: fuzz
fuzz: $(READY)  ## 100,000 broken messages among good ones
	@$(BIN)/python -m tests.faults.fuzz $(ARGS)

.PHONY: clean
clean:  ## remove everything that was made here
	rm -rf $(VENV) .local dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
