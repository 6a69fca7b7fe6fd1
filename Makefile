# Every target sets up what it needs: Python 3.11 or later is all that a machine must have.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ORACLE := .venv-oracle
PINS := tools/pins.txt

.PHONY: run test check format openapi oracle clean

run: $(VENV)/.run  ## serve on http://127.0.0.1:8000
	@$(BIN)/paramcount serve

test: $(VENV)/.dev  ## all tests
	$(BIN)/pytest

check: $(VENV)/.dev  ## format, lint, types, import contracts, tests, the contract's snapshot
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest
	$(BIN)/python -m tools.snapshot --check

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: $(VENV)/.dev  ## renew openapi.yaml
	$(BIN)/python -m tools.snapshot

oracle: $(ORACLE)/.done  ## replay every case on the real frameworks
	$(ORACLE)/bin/python -m tools.oracle

clean:
	rm -rf $(VENV) $(ORACLE) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --constraint $(PINS) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml $(PINS) | $(BIN)/python
	$(BIN)/pip install --quiet --constraint $(PINS) --editable '.[dev]' --editable examples/plugin
	@touch $@ $(VENV)/.run

$(ORACLE)/.done: pyproject.toml tools/oracle/requirements.txt
	$(PYTHON) -m venv $(ORACLE)
	$(ORACLE)/bin/pip install --quiet torch==2.13.0
	$(ORACLE)/bin/pip install --quiet --requirement tools/oracle/requirements.txt --constraint $(PINS) --editable .
	@touch $@
