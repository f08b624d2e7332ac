# Each target works twice in a row and from any state, installs only what is missing, and says what it does.
PYTHON ?= python3
VENV := .venv
DEMO := experiment run post_notification
DEBIAN_PACKAGES := chromium
PYTEST_ARGS ?=
FUZZ_ARGS ?=
LINTED := $(wildcard weaverlab tests experiments benchmarks docs/examples)

.PHONY: help demo test test-all fuzz lint lock clean
.NOTPARALLEL:

help:
	@echo "make demo      install and run the demonstration: a causality anomaly, and its cure"
	@echo "make test      install what the tests need and run them (PYTEST_ARGS='-k wire' for some of them)"
	@echo "make test-all  the same under every Python from 3.10 to 3.13 that is on this machine"
	@echo "make fuzz      a million mutated frames and more, minutes instead of seconds (FUZZ_ARGS='--frames 5000000')"
	@echo "make lint      check style (ruff) and types (mypy, strict)"
	@echo "make lock      write requirements.lock anew after a change of pyproject.toml (UPGRADE=1: newest versions)"
	@echo "make clean     remove environments, caches and builds"
	@echo "PYTHON=python3.12 chooses the interpreter; without it, python3"

demo:
	@scripts/venv.sh $(VENV) "$(PYTHON)" core
	@echo "demo: weaverlab $(DEMO)"
	@$(VENV)/bin/weaverlab $(DEMO)

test:
	@scripts/venv.sh $(VENV) "$(PYTHON)" test
	@scripts/debian.sh $(DEBIAN_PACKAGES)
	@$(VENV)/bin/python -m pytest $(PYTEST_ARGS)

test-all:
	@scripts/debian.sh $(DEBIAN_PACKAGES)
	@scripts/test-all.sh $(PYTEST_ARGS)

fuzz:
	@scripts/venv.sh $(VENV) "$(PYTHON)" test
	@$(VENV)/bin/python -m tests.fuzz $(FUZZ_ARGS)

lint:
	@scripts/venv.sh $(VENV) "$(PYTHON)" dev
	@echo "lint: ruff over $(LINTED); mypy over weaverlab and experiments"
	@$(VENV)/bin/ruff check $(LINTED)
	@$(VENV)/bin/ruff format --check $(LINTED)
	@$(VENV)/bin/mypy
	@for folder in experiments/*/; do \
		(cd $$folder && "$(CURDIR)/$(VENV)/bin/mypy" --config-file "$(CURDIR)/pyproject.toml" *.py) || exit 1; \
	done

lock:
	@scripts/lock.sh "$(PYTHON)" $(if $(UPGRADE),--upgrade)

clean:
	@echo "clean: removing environments, caches and builds"
	@rm -rf .venv .venv-* build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +
