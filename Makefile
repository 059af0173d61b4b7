# make serve   the predictor on its embedded model
# make test    the tests      make check   ruff, mypy, import-linter
# make nightly the long tests
#
# TORCH_INDEX is a package index for torch alone, such as PyTorch's CPU index; empty: pip's own.

PYTHON ?= python3
TORCH_INDEX ?=
VENV := .venv
INSTALLED := $(VENV)/installed
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check

.PHONY: serve test nightly check format clean

serve: $(INSTALLED)
	@$(VENV)/bin/r1-predictor --model-dir demo

test: $(INSTALLED)
	$(VENV)/bin/pytest

nightly: $(INSTALLED)
	$(VENV)/bin/pytest -m nightly

check: $(INSTALLED)
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: $(INSTALLED)
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(PIP) install --quiet --no-deps --constraint constraints.txt --index-url $(TORCH_INDEX) torch)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV)
