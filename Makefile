SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
INSTALLED := .venv/.installed
NODE_PACKAGES := .venv/node/.installed
UV_VERSION := 0.13.9
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-13s %s\n", $$1, $$2 }'

.PHONY: install
install: system $(INSTALLED) ## install what is missing: PostgreSQL with PostGIS, the Python environment

.PHONY: system
system:
	@scripts/system-packages

$(INSTALLED): requirements-dev.lock requirements-uv.lock pyproject.toml scripts/environment | system
	@scripts/environment .venv requirements-dev.lock
	@touch $@

$(NODE_PACKAGES): tests/photos/package-lock.json scripts/node-packages $(INSTALLED)
	@scripts/node-packages .venv $(@D)

.PHONY: demo
demo: install ## load the demo district, replay its reports, and leave the API running
	@$(BIN)/chengguan demo

.PHONY: test
test: unset := env --unset=CHENGGUAN_DATABASE_URL
test: ## every check: lint, then the tests, on a PostgreSQL of their own
	@$(unset) $(MAKE) install $(NODE_PACKAGES) lint
	@$(unset) $(BIN)/pytest -q -n $$(nproc) --dist loadfile --no-loadscope-reorder

.PHONY: bench
bench: $(INSTALLED) ## what a second holds: everything into docs/; QUICK=1 a minute, for rot; MEMORY_MINUTES=60 only memory
	@$(BIN)/python -m bench $(if $(QUICK),--quick,--into docs/performance.json) $(if $(MEMORY_MINUTES),--memory-minutes $(MEMORY_MINUTES))
	@$(if $(QUICK),,$(MAKE) docs)

.PHONY: lint
lint: $(INSTALLED) ## style, types, import contracts, Dockerfile
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/hadolint Dockerfile

.PHONY: docs
docs: $(INSTALLED) ## write the generated parts of docs/ again: workflow, settings, commands, errors, routes
	@$(BIN)/python -m scripts.docs

.PHONY: openapi
openapi: $(INSTALLED) ## write openapi.json, the API's description for client generators
	@$(BIN)/python -m scripts.openapi > openapi.json

.PHONY: release-dump
release-dump: install ## keep this release's database for the upgrade tests, before the release is tagged
	@$(BIN)/python -m tests.upgrade.record

.PHONY: lock
lock: ## pin every dependency again, with hashes
	@$(COMPILE) pyproject.toml -o requirements.lock
	@$(COMPILE) pyproject.toml --group dev -o requirements-dev.lock
	@echo 'uv==$(UV_VERSION)' | $(COMPILE) --no-annotate - -o requirements-uv.lock
