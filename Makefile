# make demo: install and run a small real search.  make test: install and run the tests.  make check: format, lint, types, layers, schemas, sweeps.
# make mutate: change the code that decides, a line at a time, and say what share of the changes a test notices.
# make mutate ROOM=search, or ROOM=results.choose: that room or module alone. Shares: results/bench/mutation.json.
# make test WORKERS=8: on as many cores; each takes up to 2 GiB.
# make soak: what takes over a minute, 10,000 hostile inputs among them. Others: HOSTILE_SEED=7 make test, or make soak.
PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_DISABLE_TELEMETRY = 1

.PHONY: demo test check soak mutate format install
install: $(VENV)/.installed

# torch first and pinned: a plain range lets pip take a newer build with gigabytes of CUDA packages.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: install
	$(BIN)/python -m raytrain.tune --baseline tiny --demo

# Each worker computes on a core of its own: threads of several would be in each other's way.
test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --durations 20 -m "not soak and not cluster"
	$(BIN)/python -m pytest --durations 10 -m "cluster and not soak"

soak: install
	$(BIN)/python -m pytest -m soak

check: install
	$(BIN)/ruff format --check raytrain tests
	$(BIN)/ruff check raytrain tests
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m raytrain.config.schema --check
	$(BIN)/python -m raytrain.tracking.sweep --check

# After it, `mutmut browse` and `mutmut show NAME` show what was changed and not noticed. Not part of CI.
mutate: install
	rm -rf mutants
	$(BIN)/mutmut run $(if $(ROOM),"raytrain.$(ROOM).*")
	@$(BIN)/mutmut results --all true | awk '/: (killed|timeout)$$/ { noticed++ } \
		/: (survived|no tests|suspicious|segfault)$$/ { missed++; print } \
		END { if (noticed + missed) printf "%d of %d noticed: %.1f %%\n", noticed, noticed + missed, 100 * noticed / (noticed + missed) }'

format: install
	$(BIN)/ruff check --fix raytrain tests
	$(BIN)/ruff format raytrain tests
