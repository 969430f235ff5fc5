# Everything here does its own set-up: git, make and Python 3.11 or newer are all that is needed.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --no-input -q
SOURCES := src tests benchmarks tools
ARGS   ?=

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: run
run: $(VENV)/.ready-train ## the main job: the whole study on MNIST, from learning-rate scan to report
	$(BIN)/digitlab study $(ARGS)

.PHONY: test
test: lint wheel browser ## everything that must hold: lint, types, layers, wheel, tests
	$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder $(ARGS)

.PHONY: lint
lint: $(VENV)/.ready-test ## style, types and layers
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(VENV)/.ready-test ## rewrite the sources in the project's style
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

.PHONY: wheel
wheel: $(VENV)/.ready-test ## build the wheel, install it without extras in a clean environment, import it
	rm -rf dist .make/clean && mkdir -p .make
	$(BIN)/python -m pip wheel -q --no-deps --no-build-isolation --wheel-dir dist .
	$(PYTHON) -m venv .make/clean
	.make/clean/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements/base.txt
	.make/clean/bin/python -m pip --disable-pip-version-check -q install --no-deps dist/*.whl
	cd .make && clean/bin/python -c "import digitlab; print('digitlab', digitlab.__version__, 'imports without extras')"
	.make/clean/bin/digitlab --version

# Chromium for the tests of the page: Debian's, where it is missing and may be installed. Elsewhere they are skipped.
.PHONY: browser
browser:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	    && { timeout 300 apt-get install -y -q chromium >/dev/null 2>&1 \
	        || { timeout 120 apt-get update -q >/dev/null 2>&1 \
	            && timeout 300 apt-get install -y -q chromium >/dev/null 2>&1; }; }; } \
	    || echo "no Chromium here, and none could be installed: the tests of the page will be skipped"

MINUTES ?= 10
.PHONY: fuzz
fuzz: $(VENV)/.ready-test ## give every reader of files and requests mutated inputs (MINUTES=10)
	PYTHONPATH=tests/report $(BIN)/python tools/fuzz --minutes $(MINUTES) $(ARGS)

.PHONY: bench
bench: $(VENV)/.ready-bench ## measure against the peers and write benchmarks/RESULTS.md (long; leave the machine alone)
	$(BIN)/python benchmarks/train.py $(ARGS)

.PHONY: bench-search
bench-search: $(VENV)/.ready-bench ## measure the search beside stock KerasTuner's (half an hour; leave the machine alone)
	$(BIN)/python benchmarks/tune.py $(ARGS)

.PHONY: bench-presets
bench-presets: $(VENV)/.ready-train ## train presets over five seeds and open the test split once each (default: five minutes; name others in ARGS)
	$(BIN)/python benchmarks/presets.py $(ARGS)

.PHONY: bench-read
bench-read: $(VENV)/.ready-train ## read real people's digits, beside a plain resize and Tesseract (two minutes; needs the sets)
	$(BIN)/python benchmarks/read.py $(ARGS)

.PHONY: bench-serve
bench-serve: $(VENV)/.ready-test ## measure the server beside FastAPI with model.predict (a quarter of an hour; leave the machine alone)
	$(BIN)/python benchmarks/serve.py $(ARGS)

.PHONY: bench-hostile
bench-hostile: $(VENV)/.ready-test ## twenty of the worst uploads at once: memory, /healthz, SIGTERM (five minutes; needs the inputs)
	$(BIN)/python benchmarks/serve_hostile.py $(ARGS)

.PHONY: bench-ray
bench-ray: $(VENV)/.ready-test ## measure a search on Ray beside the local engine, and with a machine lost (a quarter of an hour; leave the machine alone)
	$(BIN)/python benchmarks/ray_search.py $(ARGS)

.PHONY: bench-bulk
bench-bulk: $(VENV)/.ready-test ## predict ten million images on Ray beside a plain loop (a quarter of an hour, 9 GB of disk; leave the machine alone)
	$(BIN)/python benchmarks/bulk.py $(ARGS)

.PHONY: bench-shards
bench-shards: $(VENV)/.ready-train ## train on 8,000,000 images in shards and measure memory and rate (five minutes, 7 GB of disk)
	$(BIN)/python benchmarks/shards.py $(ARGS)

.PHONY: bench-kills
bench-kills: $(VENV)/.ready-test ## kill commands 500 times, run them again and compare how they end (20 minutes; Linux on x86-64)
	$(BIN)/python benchmarks/kills.py $(ARGS)

.PHONY: model
model: $(VENV)/.ready-train ## train the networks that ship with digitlab, and write their card (a quarter of an hour)
	$(BIN)/python tools/make_model.py $(ARGS)

.PHONY: clean
clean: ## remove the environment and what was built; runs stay
	rm -rf $(VENV) .make dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# pip compiles what it installs unless it is told not to by the environment, as containers often do;
# TensorFlow without bytecode takes 13 s to import instead of 5.
$(VENV)/.ready-train: requirements/build.txt requirements/train.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	env -u PYTHONDONTWRITEBYTECODE $(PIP) install --compile --require-hashes -r requirements/build.txt
	env -u PYTHONDONTWRITEBYTECODE $(PIP) install --compile --require-hashes -r requirements/train.txt
	env -u PYTHONDONTWRITEBYTECODE $(PIP) install --no-deps --no-build-isolation -e .
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m compileall -q src
	touch $@

$(VENV)/.ready-test: $(VENV)/.ready-train requirements/test.txt
	env -u PYTHONDONTWRITEBYTECODE $(PIP) install --compile --require-hashes -r requirements/test.txt
	touch $@

$(VENV)/.ready-bench: $(VENV)/.ready-train requirements/bench.txt requirements/bench-torch.txt
	env -u PYTHONDONTWRITEBYTECODE $(PIP) install --compile --require-hashes -r requirements/bench.txt
	env -u PYTHONDONTWRITEBYTECODE $(PIP) install --compile --no-deps --require-hashes -r requirements/bench-torch.txt
	touch $@
