PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
TOOLS := .venv-tools
# Each of these extras has a lock of its own, of the versions that requirements.lock (the extra dev) has.
EXTRAS := cluster export gguf lora mcp tensorboard audit benchmarks

.PHONY: install train test test-fast lint app requirements lock audit sbom

install: $(VENV)/.installed

# Every package but torch at the version and with the hash of requirements.lock. torch has a build for each kind of
# machine: it comes last and alone, finds what it needs, and adds no more than the libraries of its own build.
$(VENV)/.installed: requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' requirements.txt)"
	touch $@

train: install
	$(BIN)/python train.py --dataset sample

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

# What a change is tried with: without browsers, a Hub, whole trainings or anything else that takes more than seconds.
test-fast: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not browser and not hub and not data" \
		tests/common tests/fusion_model tests/extraction tests/training tests/hub_config

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

app: install
	$(BIN)/python app.py

# requirements*.txt, from the lists of pyproject.toml.
requirements:
	$(PYTHON) .ci/requirements.py

$(TOOLS)/.installed: requirements-tools.txt
	test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check -r requirements-tools.txt
	touch $@

# Keeps versions that still fit; `make lock UV_UPGRADE=--upgrade` takes the newest that do.
COMPILE = $(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-package torch \
	--custom-compile-command "make lock" $(UV_UPGRADE)
lock: requirements $(TOOLS)/.installed
	$(COMPILE) pyproject.toml --extra dev --output-file requirements.lock
	for extra in $(EXTRAS); do $(COMPILE) pyproject.toml --extra $$extra --constraints requirements.lock \
		--output-file requirements-$$extra.lock || exit 1; done

# Known vulnerabilities of every pinned version; needs the network (PyPI's advisories).
audit: $(TOOLS)/.installed
	$(TOOLS)/bin/pip-audit --disable-pip --require-hashes $(addprefix -r ,$(wildcard requirements*.lock))

# A bill of materials (CycloneDX) of everything that is installed, torch too; the same packages give the same bytes.
sbom: install $(TOOLS)/.installed
	$(TOOLS)/bin/cyclonedx-py environment $(BIN)/python --output-reproducible --output-format JSON --output-file sbom.cdx.json
