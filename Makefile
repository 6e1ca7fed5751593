PYTHON ?= python3
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help up down status logs demo test test-long test-compose check chaos bench benchrebuild fuzz pins

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

up: ## Set up .venv and start everything on this machine
	@scripts/set-up runtime
	@.venv/bin/messaging up

down: ## Stop everything; data stays
	@scripts/set-up runtime
	@.venv/bin/messaging down

status: ## List every process
	@scripts/set-up runtime
	@.venv/bin/messaging status

logs: ## Show the services' logs
	@scripts/set-up runtime
	@.venv/bin/messaging logs

demo: ## Send the sample conversations through the running stack
	@scripts/set-up runtime
	@.venv/bin/messaging demo

test: ## Run all tests
	@scripts/set-up development
	.venv/bin/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder --max-worker-restart 0

test-long: ## Run the tests that take minutes each: promotions, back-ups, upgrades, kills
	@scripts/set-up development
	.venv/bin/python -m pytest -m long

check: ## Run linters, type checker and import rules, build the docs
	@scripts/set-up development
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	scripts/lint
	.venv/bin/mkdocs build --strict --quiet --site-dir build/site

test-compose: ## Build, test and break the container stack; needs a Docker engine
	@scripts/set-up development
	@scripts/engine
	MESSAGING_TEST_COMPOSE=1 .venv/bin/python -m pytest tests/containers --timeout 1500

chaos: ## Break a stack at random under load: MESSAGES=, FAULTS=, SEED=
	@scripts/set-up development
	.venv/bin/python -m tests.chaos.suite

bench: ## Measure the running stack
	@scripts/set-up development
	.venv/bin/python -m bench

benchrebuild: ## Measure a rebuild of a million messages under load
	@scripts/set-up development
	.venv/bin/python -m bench.rebuild

EXAMPLES ?= 20000
STACK_URL ?= http://127.0.0.1:8080

fuzz: ## Send generated requests to the running stack: make fuzz EXAMPLES=20000
	@scripts/set-up development
	.venv/bin/python -m tests.fuzzing --url $(STACK_URL) --examples $(EXAMPLES)

pins: ## Renew requirements/*.txt from requirements/*.in
	@scripts/set-up development
	scripts/pins
