# Each target is one line that a person could type. `make` alone lists them.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

NAME ?= whisper
SPEC ?= gn7i-c16g1

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

up: ## deploy to this machine and print the login address (no torch, no cloud)
	@scripts/setup.sh app
	@.venv/bin/python -m deploy create --spec $(SPEC) --local --name $(NAME) --user admin --generate-password

down: ## remove what `make up` made
	@.venv/bin/python -m deploy delete $(NAME) --local --yes

test: ## set up everything, then the whole test suite with two workers (one after another: ARGS="-n 0")
	@scripts/setup.sh test
	@.venv/bin/python -m pytest -n 2 $(ARGS)

check: ## style, types, import contracts, shell scripts, rendered templates
	@scripts/setup.sh test
	@scripts/check.sh

torture: ## 200 jobs, 50 kills of the server: none lost, none doubled (ARGS="--kills 5 --jobs 20")
	@scripts/setup.sh test
	@.venv/bin/python -m tests.app.torture $(ARGS)

bench: ## ratios against peers and limits (ARGS=--json)
	@scripts/setup.sh test
	@.venv/bin/python -m benchmarks $(ARGS)

docs: ## the documents as a site in site/, every warning an error
	@scripts/setup.sh test
	@NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --strict --quiet
	@echo site/index.html

.PHONY: help up down test check torture bench docs
