# Everything a person or CI runs. `make` alone lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench bench-relay bench-kafka bench-activemq bench-heap bench-lives demo lab docs clean requirements

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

setup: $(READY)  ## the virtual environment, from requirements/develop.txt (hashes checked)

run: $(READY)  ## start real servers with moving data and open the console on them
	@$(BIN)/python -m tests.lab run

demo: $(READY)  ## the console over a scripted incident: no network, no Java
	@$(BIN)/relay-console --demo

test: $(READY)  ## every test, those with real servers included; T=tests/relay: a part
	@$(BIN)/python -m tests.lab jars
	@sh .ci/tests $(BIN)/python $(T)

check: $(READY)  ## format, lint, types, the line of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(READY)  ## every program under bench/, one JSON object each
	@for program in bench/*_*.py; do echo "# $$program" >&2; $(BIN)/python $$program || exit 1; done

bench-relay: $(READY)  ## goals R1-R6 and R8-R10: the relay beside its peers, some ten minutes
	@code=0; for name in acks oneshot depth1 lone idle outbox restart; do \
		echo "# relay_$$name" >&2; $(BIN)/python -m bench.relay_$$name || code=1; \
	done; exit $$code

bench-kafka: $(READY)  ## goals K1-K6: topics, groups and offset znodes beside kcat and scripts, some ten minutes
	@code=0; for name in snapshot real distance groups znodes memory trials verdicts; do \
		echo "# kafka_$$name" >&2; $(BIN)/python -m bench.kafka_$$name || code=1; \
	done; exit $$code

bench-activemq: $(READY)  ## goals Q1-Q3: 5,000 queues in one request, days of trends, the plug pulled, some ten minutes
	@code=0; for name in poll trend plug; do \
		echo "# activemq_$$name" >&2; $(BIN)/python -m bench.activemq_$$name || code=1; \
	done; exit $$code

bench-heap: $(READY)  ## goals H2-H5: throughput beside GCViewer, first gauge, rotation, verdicts beside two other rules, some five minutes
	@code=0; for name in throughput follow verdicts; do \
		echo "# gc_$$name" >&2; $(BIN)/python -m bench.gc_$$name || code=1; \
	done; exit $$code

bench-lives: $(READY)  ## goal H4 on JVMs that really live for an hour; takes it, and little of the processor
	@$(BIN)/python -m bench.lives

lab: $(READY)  ## only the real servers with moving data, until Ctrl-C
	@$(BIN)/python -m tests.lab

docs: $(READY)  ## the captures and generated pages under docs/
	@$(BIN)/relay-console config schema > docs/config.schema.json
	@$(BIN)/python -m tests.docs.captures

requirements:  ## pin requirements/*.txt anew (needs pip-tools)
	pip-compile -q --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate -o requirements/runtime.txt pyproject.toml
	pip-compile -q --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate --extra develop -o requirements/develop.txt pyproject.toml

clean:  ## remove the virtual environment and what tools left behind
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist

$(READY): requirements/develop.txt pyproject.toml .ci/python
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh .ci/python
	@touch $@
