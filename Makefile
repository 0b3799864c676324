# PatrolGrid. `make demo` is all a newcomer needs; every target makes what it stands on, once.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
LOCKS := deploy/locks
ARGS ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo install test check coverage field soak fuzz bench wear chaos parity same speed outage services constraints locks clean distclean
.DEFAULT_GOAL := help

help:
	@echo "make demo       a living neighbourhood on this machine (options: ARGS=\"--headless --duration 60\")"
	@echo "make install    the program into .venv, for a station (README, \"A real station\")"
	@echo "make test       all tests (options: ARGS=\"-k gateway\")"
	@echo "make check      format, lint, types, import rules"
	@echo "make coverage   how much of each room the tests run through; a figure, no gate"
	@echo "make field      trouble from the field on a real broker and node: wrong clocks, damaged files, full disks"
	@echo "make soak       the property tests with thousands of histories (hours; before a release)"
	@echo "make fuzz       a hundred thousand nasty inputs for every entry point (about an hour; before a release)"
	@echo "make bench      what this machine reaches, against the targets (JSON in benchmarks/latest.json)"
	@echo "make wear       half an hour of a nearly idle site: what node and board write to the disk, and what a crash costs"
	@echo "make chaos      five minutes of a city whose processes are killed, with a report (chaos.json)"
	@echo "make parity     a simulated day through both engines, compared value by value (about half an hour)"
	@echo "make same       a simulated day through another commit and through this tree, compared: BASE=<commit>"
	@echo "make speed      processor time of another commit and of this tree in ten turns: BASE=<commit>"
	@echo "make outage     InfluxDB is killed for a minute under load, and what went in is compared with what is there"
	@echo "make services   Mosquitto, Kafka, InfluxDB, Chromium and fonts for the integration tests"
	@echo "make clean      removes caches; make distclean also .venv, patrolgrid-data and its keys"

demo: $(VENV)/.run
	@exec $(BIN)/patrolgrid demo $(ARGS)

install: $(VENV)/.run

test: $(VENV)/.dev
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

coverage: $(VENV)/.dev
	@$(BIN)/python -m pytest --cov --cov-report=term:skip-covered $(ARGS)

field: $(VENV)/.dev
	@$(BIN)/python -m pytest -m field --timeout 3600 $(ARGS)

soak: $(VENV)/.dev
	@PATROLGRID_SOAK=1 $(BIN)/python -m pytest -m "hypothesis or soak" --timeout 0 $(ARGS)

fuzz: $(VENV)/.dev
	@$(BIN)/python -m tests.fuzz --inputs 100000 $(ARGS)

bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks --json benchmarks/latest.json $(ARGS)

wear: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.wear --minutes 30 $(ARGS)

chaos: $(VENV)/.dev
	@$(BIN)/python -m tests.kafka.chaos --report chaos.json $(ARGS)

parity: $(VENV)/.dev
	@$(BIN)/python -m tests.kafka.parity --hours 24 $(ARGS)

same: $(VENV)/.dev
	@test -n "$(BASE)" || { echo "Which commit to compare with? make same BASE=<commit>" >&2; exit 2; }
	@$(BIN)/python -m tests.same --base "$(BASE)" --hours 24 $(ARGS)

speed: $(VENV)/.dev
	@test -n "$(BASE)" || { echo "Which commit to compare with? make speed BASE=<commit>" >&2; exit 2; }
	@$(BIN)/python -m tests.same.speed --base "$(BASE)" $(ARGS)

outage: $(VENV)/.dev
	@$(BIN)/python -m tests.influx.outage --away 60 $(ARGS)

services:
	@bash deploy/install_services.sh

# Pins everything again, from an empty environment.
constraints:
	@rm -rf $(VENV)-pins && $(PYTHON) -m venv $(VENV)-pins && $(VENV)-pins/bin/pip install -q -U pip
	@$(VENV)-pins/bin/pip install -q -e '.[all]' --group dev
	@head -2 constraints.txt > constraints.new
	@$(VENV)-pins/bin/pip freeze --all --exclude-editable | grep -v '^setuptools==' | sort -f >> constraints.new
	@mv constraints.new constraints.txt && rm -rf $(VENV)-pins
	@$(MAKE) --no-print-directory locks

# The same versions with the hashes of all their files, for every platform: what production installs. Nothing of this
# machine goes into the files. (Where another index is to be asked, UV_DEFAULT_INDEX names it.)
LOCK = $(VENV)-pins/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links -c constraints.txt pyproject.toml $(VENV)-pins/build.in
locks:
	@rm -rf $(VENV)-pins && $(PYTHON) -m venv $(VENV)-pins && $(VENV)-pins/bin/pip install -q uv
	@printf 'pip\nsetuptools>=75\n' > $(VENV)-pins/build.in
	@$(LOCK) --extra seal -o $(LOCKS)/edge.txt > /dev/null
	@$(LOCK) --extra stream --extra console --extra realdata -o $(LOCKS)/demo.txt > /dev/null
	@$(LOCK) --all-extras -o $(LOCKS)/all.txt > /dev/null
	@rm -rf $(VENV)-pins

$(VENV)/.pip: constraints.txt
	@test -n "$(PYTHON)" || { echo "PatrolGrid needs Python 3.11 or later: there is no python3 on the PATH" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "PatrolGrid needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -V). Name another: make PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/python || { echo "Making $(VENV) ..."; $(PYTHON) -m venv $(VENV); } \
		|| { rm -rf $(VENV); echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

# What runs. (The tests' tools come with the next one.)
$(VENV)/.run: $(VENV)/.pip pyproject.toml $(LOCKS)/demo.txt
	@echo "Installing PatrolGrid into $(VENV) (once) ..."
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q --require-hashes --only-binary :all: -r $(LOCKS)/demo.txt || { \
		echo "What is pinned in $(LOCKS)/demo.txt cannot be had for $$($(BIN)/python -V) on this machine." >&2; \
		echo "Without the check of hashes, and building what has no wheel:" >&2; \
		echo "  $(BIN)/pip install -c constraints.txt -e '.[stream,console,realdata]' && touch $@" >&2; exit 1; }
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "Installing the tools for tests and checks (once) ..."
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q -c constraints.txt -e '.[influx,kafka,seal,deliver]' --group dev
	@touch $@

clean:
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean
	@rm -rf $(VENV) patrolgrid-data patrolgrid-data.keys *.egg-info
