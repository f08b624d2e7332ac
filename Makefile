# Each target works twice in a row and from any state, installs only what is missing, and says what it does.
PYTHON ?= python3
VENV := .venv
DEMO := experiment run post_notification --quick
DEBIAN_PACKAGES := chromium redis-server mariadb-server postgresql rabbitmq-server
EXPERIMENT := $(VENV)/bin/weaverlab experiment run
# Most tests wait for other processes, so two files are tested at a time.
TWO_AT_A_TIME := --numprocesses 2 --dist loadfile
PYTEST_ARGS ?=
FUZZ_ARGS ?=
RESULTS_ARGS ?=
# Peers bring many packages that tests should not see, so they have an environment of their own, used once it is there.
PEERS_VENV := .venv-peers
BENCH_VENV := $(or $(wildcard $(PEERS_VENV)),$(VENV))
BENCH_JSON := build/bench.json
GROWTH_JSON := build/growth.json
BENCH_ARGS ?=
LINTED := $(wildcard weaverlab tests experiments benchmarks docs/examples)

.PHONY: help demo test test-all fuzz bench bench-quick bench-check bench-docs bench-growth bench-peers results lint lock clean
.NOTPARALLEL:

help:
	@echo "make demo      install and run the demonstration: a causality anomaly, and its cure"
	@echo "make test      install what the tests need and run them (PYTEST_ARGS='-k wire' for some of them)"
	@echo "make test-all  the same under every Python from 3.10 to 3.13 that is on this machine"
	@echo "make fuzz      a million mutated frames and more, minutes instead of seconds (FUZZ_ARGS='--frames 5000000')"
	@echo "make bench     measure the data plane beside its limits and its peers, and write $(BENCH_JSON)"
	@echo "make bench-quick  the same in under two minutes (BENCH_ARGS='calls --pin --case tiny' for some of it)"
	@echo "make bench-check  the same, compared with benchmarks/baseline.json: fails if a ratio has become worse"
	@echo "make bench-docs   measure all, then write docs/performance.md, its pictures, and the baseline"
	@echo "make bench-growth  measure how cost grows with callers, replicas, bytes and more; write docs/growth.md"
	@echo "make bench-peers  install the peers of benchmarks/peers.txt into $(PEERS_VENV), for bench and bench-docs"
	@echo "make results   run the experiments, then write docs/results.md (RESULTS_ARGS=--quick to try)"
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
	@$(VENV)/bin/python -m pytest $(TWO_AT_A_TIME) $(PYTEST_ARGS)

test-all:
	@scripts/debian.sh $(DEBIAN_PACKAGES)
	@scripts/test-all.sh $(TWO_AT_A_TIME) $(PYTEST_ARGS)

fuzz:
	@scripts/venv.sh $(VENV) "$(PYTHON)" test
	@$(VENV)/bin/python -m pip --disable-pip-version-check install -qq --only-binary :all: \
		--constraint requirements.lock --requirement tests/fuzz/requirements.txt \
		|| echo "fuzz: atheris could not be installed for this Python, so no inputs will be grown by coverage"
	@$(VENV)/bin/python -m tests.fuzz $(FUZZ_ARGS)

bench:
	@scripts/venv.sh $(BENCH_VENV) "$(PYTHON)" test
	@mkdir -p $(dir $(BENCH_JSON))
	@$(BENCH_VENV)/bin/python -m benchmarks --json $(BENCH_JSON) $(BENCH_ARGS)

bench-quick:
	@scripts/venv.sh $(VENV) "$(PYTHON)" test
	@$(VENV)/bin/python -m benchmarks --quick $(BENCH_ARGS)

bench-check:
	@scripts/venv.sh $(VENV) "$(PYTHON)" test
	@$(VENV)/bin/python -m benchmarks --quick --check benchmarks/baseline.json $(BENCH_ARGS)

bench-docs: bench
	@$(BENCH_VENV)/bin/python -m benchmarks --read $(BENCH_JSON) --page docs/performance.md \
		--save-baseline benchmarks/baseline.json >/dev/null
	@echo "bench-docs: docs/performance.md, docs/images/bench-*.svg and benchmarks/baseline.json are new"

bench-growth:
	@scripts/venv.sh $(VENV) "$(PYTHON)" test
	@mkdir -p $(dir $(GROWTH_JSON))
	@$(VENV)/bin/python -m benchmarks.growth --json $(GROWTH_JSON) --page docs/growth.md $(BENCH_ARGS)
	@echo "bench-growth: docs/growth.md and docs/images/growth-all.svg are new"

bench-peers:
	@scripts/venv.sh $(PEERS_VENV) "$(PYTHON)" test
	@echo "bench-peers: installing what benchmarks/peers.txt names"
	@$(PEERS_VENV)/bin/python -m pip --disable-pip-version-check install -qq --constraint requirements.lock \
		--requirement benchmarks/peers.txt

results:
	@scripts/venv.sh $(VENV) "$(PYTHON)" test
	@scripts/debian.sh $(DEBIAN_PACKAGES)
	@$(EXPERIMENT) post_notification --output results/post_notification $(RESULTS_ARGS)
	@$(EXPERIMENT) post_notification --output results/post_notification_real --store redis+rabbitmq $(RESULTS_ARGS)
	@$(EXPERIMENT) post_notification --output results/post_notification_load --delay 0 --rate 100,200,400 $(RESULTS_ARGS)
	@$(EXPERIMENT) post_notification --output results/post_notification_stores --delay 0 --rate 10,100 --seconds 1.5 \
		--store redis,mariadb,postgres $(RESULTS_ARGS)
	@$(VENV)/bin/python -m weaverlab.experiment.page docs/results.md results/post_notification \
		results/post_notification_real results/post_notification_load results/post_notification_stores
	@echo "results: docs/results.md and its pictures in docs/images are new"

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
