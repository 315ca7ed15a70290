# The two commands: `make demo` and `make test`.  Each makes its own virtual environment when it is
# missing and needs nothing but make and a Python; a second run installs nothing.
#
#   make demo PYTHON=python3.12      with another Python
#   make test VENV=/tmp/fresh        in another environment
#   make test ARGS="-k seeds -x"     with more options for pytest

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt
PYTEST := $(BIN)/python -m pytest
NEEDS := pyproject.toml constraints.txt

# Without its option pytest-asyncio warns at every start; in pyproject.toml it would be an unknown key
# to `make demo`, whose environment has no pytest-asyncio.
TESTS := $(PYTEST) -n 2 -o asyncio_default_fixture_loop_scope=function
# Without bytecode each of thousands of processes compiles the plugin anew.
unexport PYTHONDONTWRITEBYTECODE
# Workers that each use all cores are several times slower: benchmarks/threads.py measures it.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: help demo demo-broken test slow frameworks trackers engines downstream lint docs bench baselines clean
.DELETE_ON_ERROR:

help: ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(VENV)/.demo ## check the example trainings against their committed baselines
	$(PYTEST) examples -m mlregress -n 2 $(ARGS)

demo-broken: $(VENV)/.demo ## the same with a bug planted in the digits training: this one must go red
	DIGITS_BUG=flip $(PYTEST) examples/digits_cnn -n 2 $(ARGS); test $$? -eq 1

baselines: $(VENV)/.demo ## record the baselines of the examples again, every tier
	$(PYTEST) examples -m mlregress -n 2 --mlregress-update $(ARGS)
	$(PYTEST) examples/char_lm -m mlregress -n 2 --mlregress-tier=full --mlregress-update $(ARGS)

test: $(VENV)/.test ## the project's own tests, without the slow ones
	$(ONE_THREAD) $(TESTS) $(ARGS)

slow: $(VENV)/.test ## the tests that take minutes: calibration, kills, whole examples
	$(ONE_THREAD) $(TESTS) -m slow $(ARGS)

frameworks: ## guards, loggers and seeding inside real Lightning, Transformers, Keras, JAX, TensorFlow and boosting, in an environment of their own
	$(PYTHON) -m venv $(VENV)-frameworks
	$(VENV)-frameworks/bin/python -m pip install --quiet --constraint constraints.txt torch
	$(VENV)-frameworks/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[torch,hypothesis]' pytest-timeout -r tests/bughunt/guards/frameworks/requirements.txt -r tests/integrations/frameworks/requirements.txt
	$(ONE_THREAD) $(VENV)-frameworks/bin/python -m pytest -m slow tests/bughunt/guards/frameworks tests/integrations/frameworks $(ARGS)

trackers: ## runs in a real MLflow server and in W&B, in an environment of their own
	$(PYTHON) -m venv $(VENV)-trackers
	$(VENV)-trackers/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[mlflow,wandb]' hypothesis pytest-timeout -r tests/integrations/trackers/requirements.txt
	$(ONE_THREAD) $(VENV)-trackers/bin/python -m pytest -m slow tests/integrations/trackers $(ARGS)

engines: ## seeds on a real Ray cluster, in jobs of submitit and vectorised by JAX, in an environment of their own
	$(PYTHON) -m venv $(VENV)-engines
	$(VENV)-engines/bin/python -m pip install --quiet --constraint constraints.txt torch
	$(VENV)-engines/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[torch,ray,slurm]' hypothesis pytest-timeout -r tests/engines/requirements.txt
	$(ONE_THREAD) $(VENV)-engines/bin/python -m pytest -m slow tests/engines tests/vectorized/test_jax_ensemble.py $(ARGS)

downstream: ## projects of others with the plugin unused and used, in an environment of their own
	$(PYTHON) -m venv $(VENV)-downstream
	$(VENV)-downstream/bin/python -m pip install --quiet --constraint constraints.txt torch
	$(VENV)-downstream/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[torch]' -r downstream/requirements.txt
	$(ONE_THREAD) $(VENV)-downstream/bin/python -m pytest -p no:cacheprovider downstream/test_downstream.py $(ARGS)

lint: $(VENV)/.test $(VENV)/.lint ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: $(VENV)/.test $(VENV)/.docs ## the documentation, into site/
	$(BIN)/python docs/generate_bughunt.py
	$(BIN)/mkdocs build --strict

bench: $(VENV)/.test ## the figures of the README, measured here
	@for script in startup threads seeds_parallel controller; do \
	  echo "== benchmarks/$$script.py"; $(BIN)/python -m benchmarks.$$script || exit 1; done

clean: ## remove the environment and what the tools left behind
	rm -rf $(VENV) $(VENV)-frameworks $(VENV)-trackers $(VENV)-engines $(VENV)-downstream build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "pytest-mlregress needs Python 3.11 or newer, but '$(PYTHON)' is" \
	    "$$($(PYTHON) --version 2>&1). Name another: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "Making a virtual environment in $(VENV) and installing torch and friends: a minute or two."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'  # the first to read dependency groups
	@touch $@

$(VENV)/.demo: $(NEEDS) | $(VENV)/.created
	@$(INSTALL) --editable '.[torch]' scikit-learn
	@touch $@

$(VENV)/.test: $(NEEDS) | $(VENV)/.created
	@$(INSTALL) --editable '.[torch,hypothesis,remote,s3]' --group test
	@touch $@

$(VENV)/.lint: $(NEEDS) | $(VENV)/.created
	@$(INSTALL) --group lint
	@touch $@

$(VENV)/.docs: $(NEEDS) | $(VENV)/.created
	@$(INSTALL) --group docs
	@touch $@
