# make demo       set up, run the default campaign, write report.html
# make test       set up, run the tests
# make test-full  the tests that are too long or need SLURM (see README)
# make lint       snakemake --lint, snakefmt, ruff, the architecture's contracts
# make docs       the documentation site in site/
# make benchmark  timings beside the stand-in, in benchmarks/results/
# make schemas    workflow/schemas/ and the reference pages in docs/, from models and commands
# make lock       renew requirements.lock
PYTHON ?= python3
BIN := .venv/bin
SNAKEFILES := Snakefile workflow/Snakefile $(wildcard workflow/rules/*.smk)

.PHONY: demo test test-full lint docs benchmark schemas lock clean
demo: .venv/ready
	$(BIN)/snakemake --workflow-profile profiles/local
	$(BIN)/snakemake --workflow-profile profiles/local --report report.html

test: .venv/ready
	$(BIN)/pytest

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

benchmark: .venv/ready
	$(BIN)/python benchmarks/ptycho.py

schemas: .venv/ready
	$(BIN)/python -m simlab.schema campaign > workflow/schemas/campaign.schema.json
	for domain in ptycho halo; do \
	    $(BIN)/python -m simlab.schema configuration $$domain > docs/$$domain-configuration.md && \
	    $(BIN)/python -m simlab.schema commands $$domain > docs/$$domain-commands.md || exit 1; \
	done

# The environment holds exactly what the lock file names, checked by hash.
.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

# Names, versions and hashes only: the file serves every mirror.
lock: .venv/ready
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --fork-strategy fewest \
	    --generate-hashes --no-header --no-emit-index-url --quiet --output-file requirements.lock

clean:
	rm -rf .venv .cache .snakemake build dist site *.egg-info
