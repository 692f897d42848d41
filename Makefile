PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install train test lint app

install: $(VENV)/.installed

# torch comes first and alone: its pinned version keeps the packages that depend on it from choosing another build.
$(VENV)/.installed: requirements.txt requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' requirements.txt)"
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

train: install
	$(BIN)/python train.py --dataset sample

test: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

app: install
	$(BIN)/python app.py
