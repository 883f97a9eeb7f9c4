# Two commands: `make demo` shows what Finery does, `make test` runs every check. Both make .venv as they need it.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint types unit bench clean

demo: .venv/demo
	$(BIN)/python examples/first-run/corpus.py examples/first-run/data
	$(BIN)/finery run examples/first-run/pipeline.toml

test: lint types unit

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/test
	$(BIN)/mypy

# A file of tests stays on one worker, so that what its tests share is made once; the long ones come first.
unit: .venv/test
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

bench: .venv/test
	$(BIN)/python tests/bench/overhead.py
	$(BIN)/python tests/bench/lineage.py
	$(BIN)/python tests/bench/startup.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

# torch goes first and alone, so that no other package chooses its build.
.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) torch
	$(PIP) -e '.[all]'
	touch $@

# Tests start Finery hundreds of times, and some machines are told to keep nothing that Python compiles.
.venv/test: .venv/demo
	$(PIP) -e '.[all,ray,deepspeed,dev]'
	$(BIN)/python -m compileall -q core plugins registry
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache dist build
