# Every target explains itself: `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACE ?= 1
MINUTES ?= 60

.DEFAULT_GOAL := help
.PHONY: help install check test test-unit test-integration conformance demo bench-engine bench-delivery bench-redaction soak-engine chaos chaos-kills chaos-short format lock clean

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

test: test-unit test-integration ## All tests: unit, property, and integration on a real Apache Kafka.

test-unit: install ## Unit and property tests only, in two processes.
	$(BIN)/python -m pytest -n 2 tests/unit tests/property

test-integration: install ## Integration tests only, in two processes, each with a Kafka of its own.
	$(BIN)/python -m pytest -n 2 -p no:hypothesispytest tests/integration

conformance: install ## The official, unmodified Symbl SDKs against the engine. Needs Node, npm and Go.
	$(BIN)/python -m tests.conformance.run

demo: install ## Play a recorded support call through broker, engine and worker. PACE=4 is faster.
	@$(BIN)/python -m worker.demo --pace $(PACE)

bench-engine: install ## What one engine process carries, every word checked. SESSIONS=200 SUBSCRIBERS=5000 DURATION=30.
	@$(BIN)/python -m tests.bench.engine

bench-delivery: install ## What delivering exactly once costs, next to at least once. STREAMS=100 ROUNDS=5 SERVER=engine.
	@$(BIN)/python -m tests.bench.delivery

# By name of the option: SIZE=300 is --size 300.
bench-redaction: install ## Recall and precision of the worker's own detectors, beside Presidio. SEED=1 SIZE=300 MISSES=3 PRESIDIO=0.
	@$(BIN)/python -m tests.bench.redaction.run $(foreach name,seed size misses presidio,$(if $($(call upper,$(name))),--$(name) $($(call upper,$(name)))))

soak-engine: install ## Clients come and go at an engine, which must not grow. MINUTES=2 for a short look.
	@MINUTES=$(MINUTES) $(BIN)/python -m tests.bench.soak

# By name of the option: SEED=7 is --seed 7.
CHAOS = seed minutes count conversations streams workers engines brokers bootstrap partitions faults session-timeout chunk \
  commit-interval delivery logs
upper = $(shell echo '$(subst -,_,$1)' | tr a-z A-Z)
CHAOS_OPTIONS = $(foreach name,$(CHAOS),$(if $($(call upper,$(name))),--$(name) $($(call upper,$(name))))) \
  $(if $(filter at_least_once,$(DELIVERY)),--allow-same-id-repeats)

chaos: MINUTES = $(if $(COUNT),,2)
chaos: install ## Delivery through faults, repeatable: SEED=7 MINUTES=2 CONVERSATIONS=8 STREAMS=2 FAULTS=kill-worker BOOTSTRAP=host:9092.
	@$(BIN)/python -m tests.chaos.run $(CHAOS_OPTIONS)

chaos-kills: COUNT = $(or $(KILLS),20)
chaos-kills: MINUTES =
chaos-kills: FAULTS = kill-worker
chaos-kills: install ## KILLS=20 workers die, one after the other; how long until others go on with their streams.
	@$(BIN)/python -m tests.chaos.run --recovery-within 3 --verbose $(CHAOS_OPTIONS)

chaos-short: CHAOS_SMALL = --conversations 4 --workers 2 --engines 1 --brokers 1
chaos-short: install ## A minute and a half of it with known seeds, for CI.
	@$(BIN)/python -m tests.chaos.run --seed 8 --minutes 0.55 $(CHAOS_SMALL) --faults freeze-worker,crash-worker
	@$(BIN)/python -m tests.chaos.run --seed 45 --minutes 0.5 $(CHAOS_SMALL) --faults term-worker,kill-engine

format: install ## Format the code and fix what lint can fix.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## Resolve the lock files anew (needs uv).
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	  pyproject.toml -o requirements/runtime.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	  --extra engine --extra postgresql -c requirements/runtime.lock pyproject.toml -o requirements/engine.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	  --extra engine --extra postgresql --extra spacy --extra demo --group dev -c requirements/engine.lock pyproject.toml -o requirements/dev.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	  --no-annotate tests/bench/redaction/presidio.in -o tests/bench/redaction/presidio.lock
	printf 'setuptools\nwheel\n' | uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	  --no-emit-find-links --no-annotate - -o requirements/build.lock

clean: ## Remove what the targets made here; caches outside stay.
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
