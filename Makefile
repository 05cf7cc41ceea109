# Two commands set everything up: `make studio` opens the app, `make test` runs the tests.
#   make studio PORT=8000                      another port
#   make studio TORCH_INDEX=URL                torch from another wheel index (a CPU-only Linux, see README)

PYTHON ?= python3
PORT ?= 7860
OPEN ?= --open
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --constraint constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.DEFAULT_GOAL := help
.PHONY: help studio test lint starters sentences typefaces fashion verses clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -3

studio: $(VENV)/.app
	$(BIN)/genvae studio --port $(PORT) $(OPEN)

test: $(VENV)/.test
	$(BIN)/python -m pytest $(TESTS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Rebuild the starter models from the real data (an hour or two each on two cores; resumes when stopped).
DATA ?= ../shared/data
starters: sentences typefaces fashion verses
sentences: $(VENV)/.app
	$(BIN)/python -m genvae_sentence.starters.build --data $(DATA) --work runs/sentences-en
typefaces: $(VENV)/.app
	$(BIN)/python -m genvae_image_style.starters.build --data $(DATA) --work runs/typefaces
verses: $(VENV)/.app
	$(BIN)/python -m genvae_conditional.starters.verses.build --data $(DATA) --work runs/verses
fashion: $(VENV)/.app
	$(BIN)/python -m genvae_conditional.starters.fashion.build --data $(DATA) --work runs/fashion

clean:
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "genvae needs Python 3.11 or newer; name one: make studio PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "cannot make an environment (on Debian: apt install python3-venv)"; exit 1; }

# The stamps make the second time quick: pip runs again only when what to install has changed.
$(VENV)/.app: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing genvae (about 2 GB at most; the first time takes some minutes)"
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.app
	$(INSTALL) --editable '.[test]'
	@command -v chromium chromium-browser google-chrome >/dev/null || $(BIN)/playwright install chromium || \
		echo "no Chromium: the browser tests will be skipped"
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	$(INSTALL) --editable '.[dev]'
	@touch $@
