# Every target explains itself: `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACE ?= 1
MINUTES ?= 60

.DEFAULT_GOAL := help
.PHONY: help install check test test-unit test-integration conformance demo bench-engine soak-engine chaos format lock clean

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 20

install: $(VENV)/.installed ## Make the virtual environment from the lock file.

$(VENV)/.installed: requirements/dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked dependencies into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

check: install ## Format, lint, types, architecture rules, lock files.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: install ## All tests: unit, property, and integration on a real Apache Kafka.
	$(BIN)/python -m pytest

test-unit: install ## Unit and property tests only.
	$(BIN)/python -m pytest tests/unit tests/property

test-integration: install ## Integration tests only.
	$(BIN)/python -m pytest tests/integration

conformance: install ## The official, unmodified Symbl SDKs against the engine. Needs Node, npm and Go.
	$(BIN)/python -m tests.conformance.run

demo: install ## Play a recorded support call through broker, engine and worker. PACE=4 is faster.
	@$(BIN)/python -m worker.demo --pace $(PACE)

bench-engine: install ## What one engine process carries, every word checked. SESSIONS=200 SUBSCRIBERS=5000 DURATION=30.
	@$(BIN)/python -m tests.bench.engine

soak-engine: install ## Clients come and go at an engine, which must not grow. MINUTES=2 for a short look.
	@MINUTES=$(MINUTES) $(BIN)/python -m tests.bench.soak

chaos: MINUTES = 2
# Until delivery is exactly once, a record may come again under its id.
chaos: install ## Delivery through faults, repeatable: SEED=7 MINUTES=2 CONVERSATIONS=8 STREAMS=2 WORKERS=2 FAULTS=kill-worker.
	@$(BIN)/python -m tests.chaos.run --allow-same-id-repeats --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) \
	  $(if $(CONVERSATIONS),--conversations $(CONVERSATIONS)) $(if $(STREAMS),--streams $(STREAMS)) \
	  $(if $(WORKERS),--workers $(WORKERS)) $(if $(ENGINES),--engines $(ENGINES)) $(if $(BROKERS),--brokers $(BROKERS)) \
	  $(if $(FAULTS),--faults $(FAULTS)) $(if $(LOGS),--logs $(LOGS))

format: install ## Format the code and fix what lint can fix.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## Resolve the lock files anew (needs uv).
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	  pyproject.toml -o requirements/runtime.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	  --extra engine --extra postgresql -c requirements/runtime.lock pyproject.toml -o requirements/engine.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	  --extra engine --extra postgresql --extra demo --group dev -c requirements/engine.lock pyproject.toml -o requirements/dev.lock
	printf 'setuptools\nwheel\n' | uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	  --no-emit-find-links --no-annotate - -o requirements/build.lock

clean: ## Remove what the targets made here; caches outside stay.
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
