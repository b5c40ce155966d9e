# Every target makes .venv when it is missing. Variables: PYTHON=python3.12, PYTEST_ARGS="-k codec".

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Two test processes share the cores; none of them should start threads of its own.
TEST_JOBS ?= 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(TEST_JOBS) --dist loadfile

# pip's progress is left out; its warnings about places it need not look are of no use here.
define install
	@echo "Installing qtokfeatures[$(1)] into $(VENV) (some minutes the first time)"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(1)]' \
		2> $(VENV)/pip.log || { cat $(VENV)/pip.log >&2; exit 1; }
	@touch $@
endef

# What the first version of mini measured, to set beside the present one.
BENCH_BEFORE ?= docs/figures/mini-1-robustness.json
# Steps of the refined codes that are measured beside plain ones.
BENCH_REFINE ?= 20

.PHONY: help demo test test-all test-bare test-sklearn check format bench bench-codec bench-tasks bench-inverse \
	bench-stability bench-asr docs clean

help:  ## what there is to make
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

demo: $(VENV)/.installed-viz  ## cluster the bundled sounds, draw the map, decode a phrase
	@$(BIN)/qtok demo -o demo $(DEMO_ARGS)

test: $(VENV)/.installed-dev  ## the tests, without the slow ones
	@$(PYTEST) $(PYTEST_ARGS)

test-all: $(VENV)/.installed-dev  ## all tests
	@$(PYTEST) --slow $(PYTEST_ARGS)

test-bare: $(VENV)/.installed-dev  ## the tests of optional programs, on a PATH without them
	@scripts/test_bare.sh $(BIN)/python

test-sklearn: $(VENV)/.installed-dev  ## what depends on it, with scikit-learn 1.4 to 1.9
	@scripts/test_sklearn_versions.sh $(BIN)/python

check: $(VENV)/.installed-dev  ## format, lint, types, room contracts, spelling, docstrings
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/numpydoc lint $$(git ls-files 'qtokfeatures/*.py')

format: $(VENV)/.installed-dev  ## let ruff format and mend what it can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(VENV)/.installed-dev  ## the Qwen codec compared with its reference
	@$(BIN)/python tests/benchmarks/qwen3_speed.py $(BENCH_ARGS)

# With BENCH_ARGS="--card docs/mini.md" BENCH_SHEET=docs/images, the page and its pictures too.
bench-codec: $(VENV)/.installed-dev  ## the figures of docs/mini.md
	@$(BIN)/qtok bench codec --refine $(BENCH_REFINE) $(if $(BENCH_SHEET),--sheet $(BENCH_SHEET)) $(BENCH_ARGS)
	@$(BIN)/qtok bench digits --refine $(BENCH_REFINE) $(BENCH_ARGS)
	@$(BIN)/qtok bench robustness --before $(BENCH_BEFORE) $(BENCH_ARGS)
	@$(BIN)/qtok bench speed $(BENCH_ARGS)

bench-tasks: $(VENV)/.installed-dev  ## the figures of docs/tasks.md
	@$(BIN)/qtok bench tasks $(BENCH_ARGS)

bench-inverse: $(VENV)/.installed-dev  ## how close sounds made for features come to them
	@$(BIN)/qtok bench inverse $(BENCH_ARGS)

bench-stability: $(VENV)/.installed-dev  ## whether counting steady tokens more helps in noise
	@$(BIN)/qtok bench stability $(BENCH_ARGS)

# Some hours on two cores; what is done is kept in asr-bench and taken up again.
bench-asr: $(VENV)/.installed-dev  ## the figures of docs/robustness.md
	@$(BIN)/qtok bench asr $(BENCH_ARGS)

docs: $(VENV)/.installed-dev  ## the documentation, as pages in site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "Open site/index.html"

clean:  ## what the other targets made, .venv included
	rm -rf $(VENV) build dist demo site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	rm -rf .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed-viz: $(VENV)/.made pyproject.toml constraints.txt
	$(call install,viz)

$(VENV)/.installed-dev: $(VENV)/.made pyproject.toml constraints.txt
	$(call install,dev)

# An environment that works is taken as it is; a half-made one is made anew.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "Python 3.10 or newer is needed: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || \
		{ echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@touch $@
