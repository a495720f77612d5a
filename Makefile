# make demo   from nothing to a table and a picture, on generated data
# make test   everything the tests check
PYTHON ?= python3
VENV ?= .venv
DEMO_ROOT ?= data/demo
DEMO := ./configs/demo.yaml

BIN := $(abspath $(VENV))/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help venv check demo demo-data test lint bench clean

help:
	@echo "make venv    virtual environment in $(VENV), made with $(PYTHON)"
	@echo "make check   what was found on this machine, and whether Jittor computes"
	@echo "make demo    generate data, train, test; prints a table, leaves a picture"
	@echo "make test    run the tests"
	@echo "make lint    ruff and mypy"
	@echo "make bench   speed against plain implementations, as ratios"
	@echo "make clean   remove what the tools left; data, runs and $(VENV) stay"

# A stamp is newer than the requirements it was made from, so nothing is installed twice.
$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.requirements: requirements.txt pyproject.toml | $(VENV)/.made
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	@touch $@

$(VENV)/.requirements-dev: requirements-dev.txt $(VENV)/.requirements
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	@touch $@

venv: $(VENV)/.requirements

check: venv
	$(BIN)/python -m crossmodal.runtime --check

demo-data: venv
	$(BIN)/python -m crossmodal.prepare.generate --root $(DEMO_ROOT)

demo: demo-data
	@echo "== the network as it starts, untrained"
	cd Instance-level && $(BIN)/python RetrievalNet_test.py --config $(DEMO) --untrained
	@echo "== training"
	cd Instance-level && $(BIN)/python RetrievalNet_sag_con.py --config $(DEMO) --overwrite
	@echo "== the trained network, with the best shape in a second library"
	cd Instance-level && $(BIN)/python RetrievalNet_test.py --config $(DEMO) --mode shapenet
	@echo "== the trained network, exact shapes"
	cd Instance-level && $(BIN)/python RetrievalNet_test.py --config $(DEMO) --mode full
	@echo "ranked pictures: runs/demo/test_full/grid.png"

test: $(VENV)/.requirements-dev
	$(BIN)/python -m pytest

lint: $(VENV)/.requirements-dev
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: venv
	$(BIN)/python -m benchmarks

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -not -path "./$(VENV)/*" -prune -exec rm -rf {} +
