# Everything below builds .venv from requirements.txt first. PYTHON names the interpreter to build it with.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?=
DOCUMENTS ?= 35407

.PHONY: demo test torture lint types bench clean

$(VENV)/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name it with: make PYTHON=python3.12 …"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(VENV)/ready  ## crawl the sample sites over HTTP, index them, search them
	$(BIN)/python corpus/sample/demo.py

test: $(VENV)/ready
	$(BIN)/python -m pytest

lint: $(VENV)/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/ready
	$(BIN)/mypy

torture: $(VENV)/ready  ## many more random cases, kills, flips and commits than make test takes
	SEARCHER_TORTURE=1 $(BIN)/python -m pytest tests/engine tests/test_power_cut.py

$(VENV)/bench-ready: $(VENV)/ready requirements-bench.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	@touch $@

bench: $(VENV)/bench-ready  ## make bench DATA=news.jsonl: segmentation, the engine against others, and the whole path, on a file of your own
	@test -n "$(DATA)" || { echo "Name a file to measure with: make bench DATA=news.jsonl"; exit 2; }
	$(BIN)/python tests/benchmarks/segmenter.py $(DATA)
	$(BIN)/python tests/benchmarks/engine.py $(DATA) --documents $(DOCUMENTS)
	$(BIN)/python tests/benchmarks/whole_run.py $(DATA)

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
