# Two commands do everything on a machine with Python 3.11, pip and make:
#   make plan   installs into .venv and prints the plan of a shipped workload (WORKLOAD=name-or-file)
#   make test   installs into .venv and passes the tests
PYTHON ?= python3.11
WORKLOAD ?= 04-conversation-and-code
VENV := .venv
BIN := $(VENV)/bin

.PHONY: plan test test-long clean

$(VENV)/.run: pyproject.toml
	@echo "installing into $(VENV) (once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@$(BIN)/python -m compileall -q solver
	@touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

plan: $(VENV)/.run
	@$(BIN)/solver solve $(WORKLOAD)

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/solver catalog check
	$(BIN)/python -m pytest -n 2 -m "not long"

test-long: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 -m long

clean:
	rm -rf $(VENV) dist build
