# Twofold from a fresh clone; nothing but Python 3.11 and a package index is expected.
#   make demo    a video in, a timeline out      make test   everything that must hold
#   make test-faults   what is killed goes on        make test-cluster   the same on several machines
# Both set up what they need first: .venv (pinned by constraints.txt, again when it or pyproject.toml changes) and the
# embedded assets (assets.toml, only what the cache lacks). Tests run offline.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# where it is set, every process compiles torch and all else anew: half of what starting one takes
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
READY := .venv/.ready
PYTHON ?= $(shell for one in python3.11 python3 python; do \
	$$one -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && command -v $$one && break; done)

# two test files at a time, each in one process, so that what a file makes once is made once
TWO := -n 2 --dist loadfile --no-loadscope-reorder

# $(call stage,name,command): run it and say how long it took, whether it passed or not
stage = @start=$$SECONDS; echo "── $(1)"; status=0; $(2) || status=$$?; \
	echo "── $(1): $$((SECONDS - start)) s"; exit $$status

.PHONY: help setup demo test test-fast test-faults test-cluster lint clean

help:
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(READY) ## the environment in .venv, and the embedded assets
	$(call stage,assets,$(BIN)/twofold fetch --json > /dev/null)

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Twofold needs Python 3.11, but neither python3.11 nor python3 is that;" \
		"install it, or name it: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(call stage,virtual environment,$(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet \
		--disable-pip-version-check --constraint constraints.txt uv)
	$(call stage,packages (gigabytes where they are not cached yet),$(BIN)/uv pip install --python $(BIN)/python \
		--constraint constraints.txt --build-constraint constraints.txt --editable . --group dev \
		$$([ -t 2 ] || echo --quiet))
	@touch $@

demo: setup ## train on clips made here, and show what comes out
	$(BIN)/twofold demo

lint: setup
	$(call stage,ruff,$(BIN)/ruff check . && $(BIN)/ruff format --check .)
	$(call stage,mypy,$(BIN)/mypy && $(BIN)/mypy twofold.py)
	$(call stage,import contracts,$(BIN)/lint-imports)

test-fast: setup ## the tests that neither train nor start Ray
	$(call stage,fast tests,TWOFOLD_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -rs -m "not ray and not slow and not faults and not cluster")

test: lint test-fast ## style, types, import contracts and all tests
	$(call stage,slow tests,TWOFOLD_OFFLINE=1 $(BIN)/pytest $(TWO) -m "(slow or ray) and not faults and not cluster" --durations=20)

test-faults: setup ## runs that are killed and must go on as if nothing had happened
	$(call stage,faults,TWOFOLD_OFFLINE=1 $(BIN)/pytest $(TWO) -m "faults and not cluster" --durations=20)

test-cluster: setup ## three hosts on this machine, reached by SSH: ray up, work, machines that die, ray down
	$(call stage,cluster,TWOFOLD_OFFLINE=1 $(BIN)/pytest -m cluster -x -rs --durations=20 tests/cluster)

clean: ## remove what make and the tools made here; the cache of assets stays
	rm -rf .venv .*_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
