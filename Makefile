# Everything a newcomer needs: `make demo` and `make test`. Each installs what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
COZEPY := .venv-cozepy
LLAMA_OPENAI := .venv-llama-openai
NODE_OPENAI := .node-openai
COMMUNITY := .venv-community
OLDEST := .venv-oldest
NEWEST := .venv-newest
OLDEST_LLAMA := .venv-oldest-llamaindex
LANGCHAIN_TESTS := tests/langchain_coze tests/coze_core/dialog
NETWORK_TESTS := $(addprefix tests/coze_core/test_,streams.py endings.py lifecycle.py loops.py audio.py)
LLAMA_TESTS := tests/llamaindex_coze tests/test_parity.py

.DEFAULT_GOAL := help
.PHONY: help demo demo-llamaindex gateway test test-oldest test-newest test-httpx lint format types cover bench bench-quick notebooks emulator build clean

help:  ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-16s %s\n", $$1, $$2}'

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "coze-bridge needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade pip --constraint constraints.txt
	$(PIP) install --quiet --editable '.[all]' --constraint constraints.txt
	touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(PIP) install --quiet --editable '.[all]' --group dev --constraint constraints.txt
	touch $@

# The official SDK pins other versions than ours, so it lives in a place of its own.
$(COZEPY)/.installed: constraints-cozepy.txt
	test -x $(COZEPY)/bin/python || $(PYTHON) -m venv $(COZEPY)
	$(COZEPY)/bin/python -m pip --disable-pip-version-check install --quiet -r constraints-cozepy.txt
	touch $@

# The oldest versions that we promise to work with.
$(OLDEST)/.installed: pyproject.toml constraints-oldest.txt
	test -x $(OLDEST)/bin/python || $(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip --disable-pip-version-check install --quiet --upgrade pip --constraint constraints-oldest.txt
	$(OLDEST)/bin/python -m pip --disable-pip-version-check install --quiet --editable '.[langchain,emulator]' --group dev --constraint constraints-oldest.txt
	touch $@

$(OLDEST_LLAMA)/.installed: pyproject.toml constraints-oldest-llamaindex.txt
	test -x $(OLDEST_LLAMA)/bin/python || $(PYTHON) -m venv $(OLDEST_LLAMA)
	$(OLDEST_LLAMA)/bin/python -m pip --disable-pip-version-check install --quiet --upgrade pip --constraint constraints-oldest-llamaindex.txt
	$(OLDEST_LLAMA)/bin/python -m pip --disable-pip-version-check install --quiet --editable '.[all]' --group dev --constraint constraints-oldest-llamaindex.txt
	touch $@

# The newest ones, even where what they ask for is not to be had: hence without dependencies.
$(NEWEST)/.installed: pyproject.toml
	test -x $(NEWEST)/bin/python || $(PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/python -m pip --disable-pip-version-check install --quiet --upgrade pip
	$(NEWEST)/bin/python -m pip --disable-pip-version-check install --quiet --editable '.[all]' --group dev
	$(NEWEST)/bin/python -m pip --disable-pip-version-check install --quiet --upgrade --no-deps langchain-core langchain 'llama-index-core<0.15'
	touch $@

demo: $(VENV)/.installed  ## Talk to a bot in LangChain (a local emulator unless COZE_API_TOKEN is set)
	$(BIN)/python -m langchain_coze

demo-llamaindex: $(VENV)/.installed  ## The same in LlamaIndex: documents and an agent
	$(BIN)/python -m llamaindex_coze

test: lint types $(COZEPY)/.installed $(LLAMA_OPENAI)/.installed $(NODE_OPENAI)/.installed  ## Lint, check types and run all tests
	$(BIN)/python -m pytest

test-oldest: $(OLDEST)/.installed $(OLDEST_LLAMA)/.installed  ## Run the adapters' tests with the oldest versions
	COZE_CONSTRAINTS=constraints-oldest.txt $(OLDEST)/bin/python -m pytest tests/test_pins.py $(LANGCHAIN_TESTS)
	COZE_CONSTRAINTS=constraints-oldest-llamaindex.txt $(OLDEST_LLAMA)/bin/python -m pytest tests/test_pins.py $(LLAMA_TESTS)

test-newest: $(NEWEST)/.installed  ## Run the adapters' tests with the newest versions
	$(NEWEST)/bin/python -m pytest $(LANGCHAIN_TESTS) $(LLAMA_TESTS)

lint: $(VENV)/.tested  ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.tested  ## Put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.tested  ## Check types
	$(BIN)/mypy
	$(BIN)/mypy tests/typing
	for platform in win32 darwin; do \
		$(BIN)/mypy --platform $$platform --cache-dir .mypy_cache/$$platform || exit 1; \
	done

cover: $(VENV)/.tested $(COZEPY)/.installed  ## Run the tests and show what they do not reach
	$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered

# LlamaIndex's OpenAI integration wants an older client than LangChain's, so it lives apart too.
$(LLAMA_OPENAI)/.installed: constraints-llama-openai.txt
	test -x $(LLAMA_OPENAI)/bin/python || $(PYTHON) -m venv $(LLAMA_OPENAI)
	$(LLAMA_OPENAI)/bin/python -m pip --disable-pip-version-check install --quiet -r constraints-llama-openai.txt
	touch $@

# OpenAI's JavaScript client; without Node.js its test says that it is skipped.
$(NODE_OPENAI)/.installed: tests/js_checks/package.json
	mkdir -p $(NODE_OPENAI)
	cp tests/js_checks/package.json $(NODE_OPENAI)/
	! command -v npm >/dev/null || npm install --silent --no-audit --no-fund --prefix $(NODE_OPENAI)
	touch $@

$(VENV)/.benched: $(VENV)/.tested
	$(PIP) install --quiet --group bench --constraint constraints.txt
	touch $@

# The old model of langchain-community, which no other package needs.
$(COMMUNITY)/.installed: constraints-community.txt
	test -x $(COMMUNITY)/bin/python || $(PYTHON) -m venv $(COMMUNITY)
	$(COMMUNITY)/bin/python -m pip --disable-pip-version-check install --quiet -r constraints-community.txt
	touch $@

bench: $(VENV)/.benched $(COZEPY)/.installed $(LLAMA_OPENAI)/.installed $(COMMUNITY)/.installed  ## Measure against the peers, and renew docs/performance.*
	COZEPY_PYTHON=$(COZEPY)/bin/python $(BIN)/python -m benchmarks --docs

bench-quick: $(VENV)/.tested  ## Fail if something has become much slower than its floor
	$(BIN)/python -m benchmarks --guard

test-httpx: $(VENV)/.tested  ## Run the tests of the network with httpcore where aiohttp is chosen otherwise
	COZE_HTTP_ENGINE=httpx $(BIN)/python -m pytest $(NETWORK_TESTS)

notebooks: $(VENV)/.tested  ## Run the notebooks and keep their outputs
	$(BIN)/python notebooks/run.py

emulator: $(VENV)/.installed  ## Run a local Coze on port 8787
	$(BIN)/python -m coze_core.emulator

gateway: $(VENV)/.installed  ## Serve your bots behind OpenAI's interfaces on port 8000
	$(BIN)/python -m openai_coze

build: $(VENV)/.tested  ## Build the distribution into dist/
	$(BIN)/python -m build --no-isolation

clean:  ## Remove what was made
	rm -rf $(VENV) $(COZEPY) $(LLAMA_OPENAI) $(NODE_OPENAI) $(COMMUNITY) $(OLDEST) $(OLDEST_LLAMA) $(NEWEST) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
