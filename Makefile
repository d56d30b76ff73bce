# One door: `make help` says what there is. Every target sets up what it needs.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NAME ?= pipeline
SIZE ?= 100000
N ?= 200

.PHONY: help demo demo-real test test-real kill-test fault-test lint types bench docs constraints clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"

# Each mark is a set of packages that is installed; a new constraints file or pyproject installs again.
$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing what the demo needs (once) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . --group demo
	@touch $@

$(VENV)/.real: pyproject.toml constraints.txt | $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group demo-real
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing what the tests need (once) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[flows,sftp,s3,match,serve]' --group dev
	@touch $@ $(VENV)/.demo $(VENV)/.real

demo: $(VENV)/.demo ## the main job, end to end, on the embedded engine: a pet shop with six systems
	$(BIN)/python -m examples.miaoum.demo

demo-real: $(VENV)/.real ## the same road on real retail data: The Complete Journey
	$(BIN)/python -m examples.grocer.demo

test: $(VENV)/.dev lint types ## everything that is checked: lint, types, import floors, all tests
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --max-worker-restart 1 --dist loadfile

test-real: $(VENV)/.dev ## the connectors against real servers, which it installs into .cache/real and starts
	$(BIN)/python -m pytest tests_real

kill-test: $(VENV)/.dev ## kill -9 at every named step, then go on: make kill-test N=200
	$(BIN)/python -m tests.recovery.kill_test $(N)

fault-test: $(VENV)/.dev ## everything that goes wrong between the hub and a provider, and how each message ends
	$(BIN)/python -m pytest -q -m "faults or not faults" tests/recovery/test_faults.py

lint: $(VENV)/.dev ## ruff (lint and format) and the floors that imports keep to
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy
	$(BIN)/mypy plugins
	$(BIN)/mypy tests_real

bench: $(VENV)/.dev ## one benchmark: make bench NAME=pipeline SIZE=100000
	$(BIN)/python -m bench $(NAME) $(SIZE)

docs: $(VENV)/.dev ## write the generated pages of docs/ again
	$(BIN)/python -m hub.cli.pages docs

constraints: $(VENV)/.dev ## pin the versions that are installed now
	$(BIN)/python -m pip freeze --exclude-editable --exclude pip --exclude setuptools > constraints.txt

clean: ## remove what make made
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache examples/miaoum/data examples/*/lake examples/*/.hub examples/*/out
