# Why this exists: every command that a newcomer, a developer or CI types, each doing its own set-up.
# `make help` lists them. What needs more than a line lives in tools/ and mk/.

.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
export PYTHON
PY := .venv/bin/python
# A number of runs for each fuzz target.
RUNS ?= 1000000
# How long the soak has ports on a hostile wire, in seconds.
PYSEC_PORT_SOAK_S ?= 1800
# How often the soak kills a sender.
PYSEC_SOAK_KILLS ?= 1000
# How often it interrupts the demo, by each signal in each mode.
PYSEC_LAB_SHOTS ?= 20
# And how hard hypothesis tries there: long or ci.
PYSEC_HYPOTHESIS ?= long
# How many histories make sim runs, and how many states its search looks at from each beginning.
SEEDS ?= 500
STATES ?= 600
# Tests run in as many processes as there are CPUs, but no more than 8: ARGS="-n 0" for one.
PYTEST := $(PY) -m pytest -n auto --maxprocesses 8
# Further arguments of a target's main command: make test ARGS='-k replay', make demo ARGS=--json
ARGS ?=

# Expanded when a recipe starts, so that help and clean work on a machine that has nothing. $(error) ends in one line
# and exit status 2, without a traceback or make's own report after it. $(1): what tools/preflight.sh is to ask for.
NEED = $(eval missing := $(shell PYTHON='$(PYTHON)' sh tools/preflight.sh $(1)))$(if $(missing),$(error $(missing)))

.PHONY: help run-setup dev-setup need-clang build demo test check lint format lib sanitize fuzz soak sim interop guide fresh arm64 docs clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run-setup:
	$(call NEED)@$(PYTHON) tools/setup.py run

dev-setup:
	$(call NEED)@$(PYTHON) tools/setup.py dev

need-clang:
	$(call NEED,clang)@:

build: run-setup ## .venv and the compiled core, without the test tools

demo: run-setup ## real traffic between two hosts, protected: pysec lab wire
	@.venv/bin/pysec lab wire $(ARGS)

test: dev-setup ## every test but those of sanitize, fuzz, soak and interop; says what was skipped and why
	@$(PYTEST) -m "not soak and not target and not interop" $(ARGS)

check: lint ## format, lint, strict types and the fast tests, in less than a minute
	@$(PYTEST) -m "not slow and not soak and not root" --ignore=tests/unit/lab --ignore=tests/unit/bench \
		tests/arch tests/unit tests/vectors $(ARGS)

lint: dev-setup ## format, lint and strict types alone
	@sh tools/lint.sh

format: dev-setup ## lay out every Python and C file as lint wants it
	@sh tools/lint.sh --fix

lib: ## build/lib: libpysec.a, libpysec.so and the headers, for C programs; needs no Python
	$(call NEED,cc)@sh tools/core.sh build/lib lib

sanitize: dev-setup ## unit and property tests against an ASan + UBSan build, after its canary
	@$(PY) -m pytest tests/unit/test_build_sanitize.py
	@sh tools/sanitize.sh run tests/unit tests/property $(ARGS)

fuzz: need-clang dev-setup ## libFuzzer on SecTAG parse and on validate, RUNS=N for each, after their canaries
	@$(PY) -m pytest tests/fuzz/test_fuzz_libfuzzer.py
	@sh tools/fuzz.sh $(RUNS)

soak: dev-setup ## what takes long: canaries, PYSEC_SOAK_KILLS kills (1000), ports on a hostile wire for half an hour
	@PYSEC_SOAK_KILLS=$(PYSEC_SOAK_KILLS) PYSEC_PORT_SOAK_S=$(PYSEC_PORT_SOAK_S) $(PYTEST) -m soak $(ARGS)
	@PYSEC_HYPOTHESIS=$(PYSEC_HYPOTHESIS) PYSEC_LAB_SHOTS=$(PYSEC_LAB_SHOTS) \
		$(PYTEST) tests/property tests/unit/lab/test_lab_interrupt.py $(ARGS)

sim: dev-setup ## key agreement under loss, restarts, refusals, replays: SEEDS=N histories (500), and a search
	@$(PY) -m tests.sim --search $(STATES)
	@$(PY) -m tests.sim --seeds $(SEEDS) $(ARGS)

interop: dev-setup ## real peers in a guest: the kernel's macsec and wpa_supplicant; SLICE=1: a few tests; needs root
	@bash tests/interop/lab/build.sh && $(PY) -m pytest -m "interop$(if $(SLICE), and slice)" tests/interop $(ARGS)

guide: dev-setup ## the first page of the guide, run as it stands on two hosts made of namespaces; needs root and ping
	@$(PY) tools/guide.py docs/guide/first-link.md

fresh: ## make demo and make test in a new Debian chroot; needs root and debootstrap
	@sh tools/fresh.sh

arm64: ## cross-compile the core and run it under qemu-aarch64
	$(call NEED,arm64)@sh tools/arm64.sh

docs: dev-setup ## docs/api, the table of docs/CONFORMANCE.md, the diagram of the CP machine, figures from bench/results
	@$(PY) tools/apidoc.py docs/api
	@$(PY) tools/conformance.py
	@$(PY) tools/cp_diagram.py
	@$(PY) -m bench docs --write

clean: ## remove everything that make made
	rm -rf build dist .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks *.egg-info
	rm -f pysec/_native.c pysec/_native*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
