# make setup      the environment .venv from the lock file, nothing else
# make demo       set up, run the default campaign, write report.html
# make test       set up, run the tests
# make test-full  the tests that are too long or need SLURM (see README)
# make lint       snakemake --lint, snakefmt, ruff, the architecture's contracts
# make docs       the documentation site in site/
# make pylians    install Pylians, for `cic_backend: masl` and live checks (compiles a few minutes)
# make peers      environments of the programs that ours are compared with, in PEERS_VENV
# make test-peers the tests that need them
# make benchmark  timings beside plain routes, in benchmarks/results/
# make schemas    workflow/schemas/ and the reference pages in docs/, from models and commands
# make lock       renew requirements.lock
PYTHON ?= python3
BIN := .venv/bin
PEERS_VENV ?= ../peers-venv
# its C files are of an old Cython, which builds anew only if told so
BUILD_PYLIANS := CYTHON_FORCE_REGEN=1 DIST_EXTRA_CONFIG=$(CURDIR)/envs/pylians-build.cfg
SNAKEFILES := Snakefile workflow/Snakefile $(wildcard workflow/rules/*.smk)

.PHONY: setup demo test test-full test-peers lint docs benchmark schemas lock clean pylians peers
setup: .venv/ready

demo: .venv/ready
	$(BIN)/snakemake all pages --workflow-profile profiles/local
	$(BIN)/snakemake all pages --workflow-profile profiles/local --report report.html

test: .venv/ready
	$(BIN)/pytest --numprocesses 2 --dist loadfile

test-full: .venv/ready
	$(BIN)/pytest -m full

lint: .venv/ready
	$(BIN)/snakemake --lint
	$(BIN)/snakefmt --check $(SNAKEFILES)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

docs: .venv/ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

test-peers: .venv/ready peers
	PEERS_VENV=$(PEERS_VENV) $(BIN)/pytest -m peers

benchmark: .venv/ready peers
	$(BIN)/python benchmarks/ptycho.py
	PEERS_VENV=$(PEERS_VENV) $(BIN)/python benchmarks/afm.py
	PEERS_VENV=$(PEERS_VENV) $(BIN)/python benchmarks/halo.py
	PEERS_VENV=$(PEERS_VENV) $(BIN)/python benchmarks/calcium.py
	PEERS_VENV=$(PEERS_VENV) $(BIN)/python benchmarks/lensing.py

pylians: .venv/ready
	$(BUILD_PYLIANS) $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps \
	    --require-hashes --requirement envs/peers/pylians.txt

peers: $(foreach peer,afm calcium halo lensing torch,$(PEERS_VENV)/$(peer)/ready)

$(PEERS_VENV)/afm/ready: envs/peers/afm.txt | .venv/ready
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) $(PEERS_VENV)/afm
	$(BIN)/uv pip install --quiet --python $(PEERS_VENV)/afm/bin/python \
	    --requirement envs/peers/afm.txt
	touch $@

$(PEERS_VENV)/calcium/ready: envs/peers/calcium.txt | .venv/ready
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) $(PEERS_VENV)/calcium
	$(BIN)/uv pip install --quiet --python $(PEERS_VENV)/calcium/bin/python \
	    --requirement envs/peers/calcium.txt
	touch $@

$(PEERS_VENV)/halo/ready: envs/peers/halo.txt envs/peers/pylians.txt | .venv/ready
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) $(PEERS_VENV)/halo
	$(BIN)/uv pip install --quiet --python $(PEERS_VENV)/halo/bin/python \
	    --requirement envs/peers/halo.txt
	$(BUILD_PYLIANS) $(BIN)/uv pip install --quiet --python $(PEERS_VENV)/halo/bin/python --no-deps \
	    --require-hashes --requirement envs/peers/pylians.txt
	touch $@

$(PEERS_VENV)/lensing/ready: envs/peers/lensing.txt | .venv/ready
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) $(PEERS_VENV)/lensing
	$(BIN)/uv pip install --quiet --python $(PEERS_VENV)/lensing/bin/python \
	    --requirement envs/peers/lensing.txt
	touch $@

$(PEERS_VENV)/torch/ready: envs/peers/torch.txt | .venv/ready
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) $(PEERS_VENV)/torch
	$(BIN)/uv pip install --quiet --python $(PEERS_VENV)/torch/bin/python \
	    --requirement envs/peers/torch.txt
	touch $@

schemas: .venv/ready
	$(BIN)/python -m simlab.schema campaign > workflow/schemas/campaign.schema.json
	for domain in ptycho afm halo calcium lensing; do \
	    $(BIN)/python -m simlab.schema configuration $$domain > docs/$$domain-configuration.md && \
	    $(BIN)/python -m simlab.schema commands $$domain > docs/$$domain-commands.md || exit 1; \
	done

# The environment holds exactly what the lock file names, checked by hash.
.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet uv
	# compiled here, once: where Python is told to write no bytecode, every job would compile again
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

# Names, versions and hashes only: the file serves every mirror.
lock: .venv/ready
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --fork-strategy fewest \
	    --generate-hashes --no-header --no-emit-index-url --quiet --output-file requirements.lock

clean:
	rm -rf .venv .cache .snakemake build dist site *.egg-info
