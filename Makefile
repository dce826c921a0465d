# Two commands do everything on a fresh machine: `make demo` and `make test`.

PYTHON ?= python3.11
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
CLINICAL := examples/clinical
FAST := -m "not slow and not browser" --numprocesses auto --maxprocesses 4 --dist worksteal
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-all check bench fuzz peers data docs clean

demo: .venv/run.stamp
	@$(BIN)/python tools/fetch_data.py .data support2.csv
	$(BIN)/python $(CLINICAL)/train.py .data/support2.csv $(CLINICAL)
	@echo
	$(BIN)/casemate audit $(CLINICAL) || test $$? -le 2
	@echo
	$(BIN)/casemate harden $(CLINICAL) || test $$? -le 2

test: .venv/dev.stamp
	$(BIN)/python -m pytest $(FAST)

test-all: .venv/dev.stamp data peers
	$(BIN)/python -m pytest

check: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest $(FAST) -x

bench: .venv/dev.stamp data peers
	$(BIN)/python -m benchmarks

fuzz: .venv/dev.stamp peers
	$(BIN)/python tools/fuzz.py

peers: .venv/dev.stamp
	$(BIN)/python -m benchmarks.peers

data: .venv/run.stamp
	@$(BIN)/python tools/fetch_data.py .data

docs: .venv/dev.stamp
	$(BIN)/python tools/make_docs.py

clean:
	rm -rf .venv .peers build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		$(CLINICAL)/audit $(CLINICAL)/data $(CLINICAL)/model examples/actg175/audit examples/actg175/data examples/actg175/model

.venv/pip.stamp:
	$(PYTHON) -m venv .venv
	@touch $@

.venv/run.stamp: .venv/pip.stamp pyproject.toml constraints.txt
	$(PIP) --editable .
	@touch $@

.venv/dev.stamp: .venv/run.stamp
	$(PIP) --editable '.[dev,torch,parquet,text,names,documents,kms,lz4,zstd,onnx]'
	@touch $@
