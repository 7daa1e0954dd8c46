# Every target makes its own set-up: Python 3.11 or newer, git and make are all it takes.
# Another interpreter: make demo PYTHON=python3.12

PYTHON  ?= python3
# Twice the cores that are counted on: many tests wait, for a daemon or a server.
WORKERS ?= 4
CASES   ?= 10000
ARGS    ?=
BIN     := .venv/bin

# Would send pip's or uv's work elsewhere than into .venv.
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PYTHONHOME PYTHONPATH VIRTUAL_ENV UV_SYSTEM_PYTHON UV_TARGET UV_PREFIX
# Would let each process compile all that it imports anew: Dagster's take twice as long to start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo up test test-slow browser programs screenshots docs lint format fuzz bench drill lock audit sbom licences image-check clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-12s %s\n", $$1, $$2 }'

demo: .venv/.stamp ## Land 60 trading days of 300 stocks, show the result, exit
	@$(BIN)/stock-assistant demo $(ARGS)

up: .venv/.stamp ## Run Dagster's UI and daemon and the API until Ctrl-C
	@$(BIN)/stock-assistant up $(ARGS)

test: lint browser programs ## Lint, then run all tests (ARGS="-k word" to choose)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope $(ARGS)

test-slow: .venv/.stamp ## Run the tests that `make test` leaves out: more days, more deaths
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope -m slow $(ARGS)

# Where it can neither be found nor installed, the tests that need it are skipped, and say so.
browser: .venv/.stamp ## Find Chromium for the tests of the pages, or install Debian's (as root)
	@$(BIN)/python tests/api/chromium.py >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  echo "Installing Chromium for the tests of the pages (once) …" && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -qq --no-install-recommends chromium-headless-shell fonts-wqy-microhei >/dev/null; } || \
	  echo "Without Chromium the tests of the pages in a browser are skipped: install it, or name it in CHROMIUM." >&2

programs: .venv/.stamp ## Unpack nginx, Prometheus, Alertmanager, PostgreSQL 15, its exporter and Helm for the tests
	@$(BIN)/python deploy/programs.py || true

screenshots: browser ## Take the pictures of the pages in docs/images; say what they weigh
	@SCREENSHOTS=docs/images $(BIN)/python -m pytest -q -s -n 0 tests/api/test_pages_pictures.py

docs: .venv/.stamp ## Build the documentation into dist/docs; a broken link or anchor is an error
	@$(BIN)/python docs/site/dictionary.py
	@rm -rf dist/docs dist/.doctrees  # each page holds the contents of all: what is left of an earlier site would be wrong
	@$(BIN)/sphinx-build -q -n -W --keep-going -c docs/site -d dist/.doctrees . dist/docs
	@echo "dist/docs/index.html"

lint: .venv/.stamp ## ruff, mypy (strict) and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: .venv/.stamp ## Sort imports, apply ruff's safe fixes, format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

fuzz: .venv/.stamp ## Make up 10,000 requests (CASES=…), and hold each answer to the OpenAPI document
	@FUZZ_CASES=$(CASES) $(BIN)/python -m pytest -q -n 0 tests/api/test_openapi.py tests/api/test_tushare_calls.py $(ARGS)

bench: .venv/.stamp ## Measure against the plain ways of doing the same
	@$(BIN)/python -m bench $(ARGS)

drill: .venv/.stamp ## Break it on purpose, and show what is lost (ARGS="4 7" to choose)
	@$(BIN)/python -m drill $(ARGS)

# What cannot be asked about counts as a finding: an audit that sees nothing must not look like one that finds nothing.
audit: .venv/.stamp ## Ask whether anything that is locked is known to be vulnerable (asks the network)
	@for lock in dev build; do \
	  $(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r locks/$$lock.lock $(ARGS) || exit 1; done

sbom: .venv/.stamp ## Write each image's bill of materials (CycloneDX) to dist/
	@mkdir -p dist; for image in api pipelines backup; do lock=$$image; [ $$image != backup ] || lock=pipelines; \
	  $(BIN)/cyclonedx-py requirements locks/$$lock.lock --sv 1.6 --of JSON --output-reproducible -o dist/sbom-$$image.json 2>/dev/null && \
	  echo dist/sbom-$$image.json || exit 1; done

licences: .venv/.stamp ## List under which licence each locked package is; fail where one is not allowed
	@$(BIN)/python deploy/licences.py

image-check: .venv/.stamp ## Run the Dockerfile's install steps without Docker
	@$(as_pip) && $(BIN)/python deploy/image_check.py $(ARGS)

clean: ## Remove .venv and caches; data/ stays
	@rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up -----------------------------------------------------------------------------------------------------------
# umask: run as root, the embedded PostgreSQL steps down to another user, who must be able to read .venv.

.venv/.tools: locks/build.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is needed; '$(PYTHON)' is not. Name one: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Setting up .venv (once) …"
	@umask 022; $(PYTHON) -m venv .venv || \
	  { echo "'$(PYTHON) -m venv' failed: on Debian and Ubuntu it is the package python3-venv." >&2; exit 1; }
	@umask 022; $(BIN)/python -m pip install -qq --no-user --no-deps --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/.stamp: .venv/.tools locks/dev.lock pyproject.toml
	@umask 022; $(as_pip) && \
	  $(BIN)/uv pip sync -q --python $(BIN)/python --require-hashes locks/build.lock locks/dev.lock && \
	  $(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

# uv does not read pip's configuration: hand over the index, the certificates and the proxy that pip was given.
as_pip = pip_has() { $(BIN)/python -m pip config list | sed -n "s/^[^.]*\.$$1='\(.*\)'$$/\1/p" | head -n 1; }; \
  hand_over() { value=$$(pip_has $$1); [ -z "$$value" ] || printenv $$2 >/dev/null || export "$$2=$$value"; }; \
  hand_over index-url UV_DEFAULT_INDEX; hand_over cert SSL_CERT_FILE; hand_over proxy ALL_PROXY

# --- locks (docs/decisions/0001-lock-files-without-hosts.md) ----------------------------------------------------------
# dev.lock comes first: the others are bound to its versions. One version of a package for every Python (fewest).
# Newer versions: make lock ARGS=--upgrade

compile = UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
  --fork-strategy fewest $(ARGS)

lock: .venv/.tools ## Resolve the dependencies anew into locks/
	@$(as_pip) && \
	  $(compile) --all-extras --group dev pyproject.toml -o locks/dev.lock && \
	  $(compile) --extra pipelines --extra research --extra kubernetes -c locks/dev.lock pyproject.toml -o locks/pipelines.lock && \
	  $(compile) -c locks/dev.lock pyproject.toml -o locks/api.lock && \
	  $(compile) -c locks/dev.lock locks/build.in -o locks/build.lock
