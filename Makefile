# Everything runs from .venv, which is filled from requirements.lock with every hash checked.
# Needed on the machine: Python 3.11 or newer, and make.

ARGS  ?=
TIER   ?= core
SIZE   ?= full
ROWS   ?=
SEEDS  ?= 10000
NIGHTS ?= 90
FAULTS ?= $(if $(filter whole,$(TIER)),2,9.4)
KILLS  ?= 1000
SAMPLE ?= 400
SEED   ?= 1
CHILDREN ?= 1
EVIDENCE = --evidence docs --commit "$$(git describe --always --exclude "*" --abbrev=12 --dirty)"
READY := .venv/.ready
UV     = $(shell command -v uv || echo .venv/bin/uv)
export UV_LINK_MODE ?= copy
export UV_PYTHON_DOWNLOADS ?= never

.PHONY: help demo bench docs pictures test browser screenshots history simulate soak mutation lint format lock up clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

demo: $(READY) ## the whole story on a sandbox, ends with the books tied
	@.venv/bin/cloudcollect demo $(ARGS)

up: $(READY) ## Dagster's UI on the demo's data
	@.venv/bin/cloudcollect up $(ARGS)

test: $(READY) ## all tests that need no browser; one of them: make test ARGS='-k money'
	@.venv/bin/pytest --numprocesses auto --maxprocesses 8 --dist worksteal --ignore=tests/browser $(ARGS)

# In one process: all of them share one start of the demo and of Dagster.
browser: $(READY) ## the tests of Dagster's pages, with Chromium
	@.venv/bin/pytest tests/browser $(ARGS)

screenshots: $(READY) ## the same, and its pictures into docs/pictures
	@CLOUDCOLLECT_REQUIRE_BROWSER=1 CLOUDCOLLECT_PICTURES=docs/pictures .venv/bin/pytest -p no:randomly tests/browser $(ARGS)

history: $(READY) ## every night of the real history, about ten minutes
	@CLOUDCOLLECT_HISTORY_NIGHTS=9999 .venv/bin/pytest -n 2 tests/acceptance/test_history.py

simulate: $(READY) ## nights in which everything goes wrong, into docs/evidence.md; TIER=whole SEEDS=500 with files and SQL
	@.venv/bin/cloudcollect simulate --tier $(TIER) --seeds $(SEEDS) --nights $(NIGHTS) --faults $(FAULTS) $(EVIDENCE)

soak: $(READY) ## a thousand real runs killed at random moments, about half an hour
	@.venv/bin/cloudcollect soak --kills $(KILLS) $(EVIDENCE)

mutation: $(READY) .venv-mutation/.ready ## small changes of the deciding rooms that a test should notice, into docs/mutation.md; SEED=7
	@.venv-mutation/bin/python -m tools.mutation --sample $(SAMPLE) --seed $(SEED) --children $(CHILDREN) \
	  --commit "$$(git rev-parse --short=12 HEAD)" $(ARGS)

bench: .venv-bench/.ready ## what it costs beside floor and peers; SIZE=small is a smoke run, ROWS=diff,mirror some of it
	@SIZE=$(SIZE) ROWS=$(ROWS) .venv-bench/bin/python -m benchmarks

docs: $(READY) .venv-docs/.ready ## the documentation as a site, in build/site; a dead link fails
	@.venv/bin/python -m tools.docs
	@.venv-docs/bin/zensical build --strict

pictures: $(READY) ## terminal pictures for the docs, from a run of the demo
	@.venv/bin/python -m tools.docs.pictures

lint: $(READY) ## style, types and the order of the rooms
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo

format: $(READY) ## let the formatter have its way
	@.venv/bin/ruff check --fix-only --quiet .
	@.venv/bin/ruff format .

lock: .venv/bin/uv ## choose versions anew within pyproject.toml's bounds
	@$(UV) pip compile pyproject.toml --group dev --universal --fork-strategy fewest --upgrade --generate-hashes \
	  --no-annotate --no-emit-index-url --no-emit-find-links --quiet \
	  --custom-compile-command 'make lock' --output-file requirements.lock
	@$(UV) pip compile pyproject.toml benchmarks/requirements.in --constraint requirements.lock --universal \
	  --fork-strategy fewest --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --quiet \
	  --custom-compile-command 'make lock' --output-file benchmarks/requirements.lock
	@$(UV) pip compile pyproject.toml --group dev tools/mutation/requirements.in --constraint requirements.lock \
	  --universal --fork-strategy fewest --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --quiet \
	  --custom-compile-command 'make lock' --output-file tools/mutation/requirements.lock
	@$(UV) pip compile docs/requirements.in --universal --fork-strategy fewest --upgrade --python-version 3.11 \
	  --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --quiet \
	  --custom-compile-command 'make lock' --output-file docs/requirements.lock

clean: ## remove .venv and caches; data/ stays
	@rm -rf .venv .venv-bench .venv-docs .venv-mutation mutants .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	@find cloudcollect_pipeline tests tools benchmarks -name __pycache__ -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml | .venv/bin/uv
	@echo "Filling .venv from requirements.lock (once)"
	@$(UV) pip sync --quiet --python .venv/bin/python --require-hashes --no-build requirements.lock
	@$(UV) pip install --quiet --python .venv/bin/python --offline --no-deps --no-build-isolation --editable .
	@touch $@

# The benchmarks' peers, the site's builder and the changer of code live apart: nothing of the product depends on them.
.venv-bench/.ready: benchmarks/requirements.lock
.venv-docs/.ready: docs/requirements.lock
.venv-mutation/.ready: tools/mutation/requirements.lock
.venv-bench/.ready .venv-docs/.ready .venv-mutation/.ready: | .venv/bin/uv
	@echo "Filling $(@D) from $< (once)"
	@test -x $(@D)/bin/python || .venv/bin/python -m venv --clear --without-pip $(@D)
	@$(UV) pip sync --quiet --python $(@D)/bin/python --require-hashes --no-build $<
	@touch $@

# uv comes from the lock too, fetched by pip where the machine has none.
.venv/bin/uv: | .venv/bin/python
	@command -v uv >/dev/null || { \
	  awk '/^[^ ]/ { mine = /^uv==/ } mine' requirements.lock > .venv/uv.txt && \
	  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .venv/uv.txt; }

.venv/bin/python:
	@for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  $$python -m venv --clear .venv && exit; \
	  echo "This Python lacks its venv module (on Debian: apt install python3-venv)." >&2; exit 1; \
	done; \
	echo "Python 3.11 or newer is needed; none was found on this machine." >&2; exit 1
