# One command a task, the same on a laptop and in CI. Assumes python3 (3.11 to 3.13, with venv), make and git.
#
#   make setup PYTHON=python3.12     use this interpreter
#   make test ARGS="-k plan -x"      pass words to pytest

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.ONESHELL:
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

BIN := .venv/bin
UV := $(BIN)/uv
READY := .venv/.ready
CODE := src components pipelines
ARGS ?=

# Compiled bytecode makes every later import several times cheaper.
unexport PYTHONDONTWRITEBYTECODE
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME
export PIP_USER := 0
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
# pip's index counts for uv too, where one is set.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

.PHONY: help setup demo test check lint types layers format docs lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## make .venv with everything in it; nothing happens if it is up to date
	@:

demo: setup  ## run the flights pipeline end to end on real data
	@$(BIN)/levada run flights

test: setup  ## run all tests
	@$(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

check: lint types layers docs test  ## all that CI checks

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/basedpyright

layers: setup
	$(BIN)/lint-imports --no-logo

format: setup  ## format the code and sort its imports
	@$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

docs: setup  ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

lock: $(UV)  ## resolve the dependencies anew into requirements.lock (ARGS=--upgrade for newer versions)
	@$(UV) pip compile pyproject.toml --universal --generate-hashes --no-header --no-emit-index-url --all-extras \
		--group dev --python-version 3.11 --quiet --output-file requirements.lock $(ARGS)

clean:  ## remove what was made: .venv, caches, the built docs (not the store)
	rm -rf .venv site dist build .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find $(wildcard $(CODE) tests benchmarks) -name __pycache__ -type d -prune -exec rm -rf {} +

# -- the environment ------------------------------------------------------------------------------

# uv installs in seconds what pip takes minutes for, and checks every hash of the lock. Its version is the lock's.
$(READY): pyproject.toml requirements.lock | $(UV)
	@echo "Installing the $$(grep -c '^[a-z0-9].*==' requirements.lock) packages of requirements.lock into .venv: 4 GB." \
		"It takes half a minute to several, by machine and connection: at the end all is compiled, without a word."
	$(UV) pip sync --python $(BIN)/python --require-hashes --compile-bytecode $$([ -t 2 ] || echo --quiet) requirements.lock
	$(UV) pip install --python $(BIN)/python --no-deps --no-build-isolation --quiet --editable .
	$(BIN)/python -m compileall -q $(wildcard $(CODE))
	touch $@
	echo "Done: .venv is ready."

$(UV):
	@python=
	for candidate in $${PYTHON:-python3 python3.13 python3.12 python3.11}; do
		if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
			python=$$candidate
			break
		fi
	done
	if [ -z "$$python" ]; then
		echo "Levada needs Python 3.11, 3.12 or 3.13 with its venv module; $${PYTHON:-python3} is" \
			"$$("$${PYTHON:-python3}" --version 2>/dev/null || echo 'not there')." >&2
		echo "Install one (on Debian and Ubuntu: apt-get install python3 python3-venv)," \
			"or name it: make setup PYTHON=/path/to/python3.12" >&2
		exit 1
	fi
	"$$python" -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -o '^uv==[^ ;]*' requirements.lock)"
