# The two commands of the README are `make run` and `make test`; each sets up what it needs.

PYTHON ?= python3
PORT ?= 8765
# Further flags of `intone serve`, such as ARGS="--log-format json".
ARGS ?=
# Of `make model`: the folder of recorded speech, the model's name, further flags.
CORPORA ?= $(INTONE_CORPORA)
MODEL ?= gru

RUN := .venv
TEST := .venv-test
MODULES := client_js/node_modules
NPM := $(shell command -v npm 2>/dev/null)

.PHONY: run test tests lint check-page model corpora-given clean
.DELETE_ON_ERROR:

run: $(RUN)/.installed
	$(RUN)/bin/intone serve --host 127.0.0.1 --port $(PORT) $(ARGS)

# Python's packages are fetched while the page's are, and sources checked beside the first tests.
# pytest's closing line, which is what one looks for, comes last, since it takes longest.
test:
	$(MAKE) --jobs 3 lint check-page tests

# Two files of tests at a time, since much of what they do is to wait for servers, browsers and
# speech; in their order, where none of the few that take minutes comes last and alone.
tests: $(TEST)/.installed $(if $(NPM),$(MODULES)/.installed)
	$(TEST)/bin/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: $(TEST)/.installed
	$(TEST)/bin/ruff check
	$(TEST)/bin/ruff format --check
	$(TEST)/bin/mypy

ifneq ($(NPM),)
check-page: $(MODULES)/.installed
	cd client_js && npm test && npm run check
else
check-page:
	@echo "npm is not installed: the page's own tests are left out"
endif

model: corpora-given $(TEST)/.installed
	$(TEST)/bin/intone-lab train --corpora "$(CORPORA)" --out "models/$(MODEL)" $(ARGS)

corpora-given:
	@test -n "$(CORPORA)" || { echo "make model CORPORA=folder-of-recorded-speech" >&2; exit 2; }

clean:
	rm -rf $(RUN) $(TEST) $(MODULES) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find server tools tests -name __pycache__ -prune -exec rm -rf {} +

# A stamp is younger than pyproject.toml once everything it names is installed.
$(RUN)/.installed: pyproject.toml
	@echo "setting up $(RUN): once, and again when pyproject.toml changes"
	$(PYTHON) -m venv $(RUN)
	$(RUN)/bin/pip install --quiet --editable .
	touch $@

$(TEST)/.installed: pyproject.toml
	@echo "setting up $(TEST): once, and again when pyproject.toml changes"
	$(PYTHON) -m venv $(TEST)
	$(TEST)/bin/pip install --quiet --editable '.[test,dev,lab]'
	touch $@

$(MODULES)/.installed: client_js/package.json client_js/package-lock.json
	cd client_js && npm ci --no-audit --no-fund
	touch $@
