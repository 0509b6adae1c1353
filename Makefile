# make demo   set up and run the default campaign
# make test   set up and run the tests
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lock
demo: .venv/ready
	$(BIN)/snakemake --workflow-profile profiles/local

.venv/ready: requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . || $(BIN)/pip install --quiet --no-deps --editable .
	touch $@
