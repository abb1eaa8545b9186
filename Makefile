# `make demo` and `make test` on a fresh machine: python3 >= 3.11 and make, nothing else.
VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: demo test check clean

demo: $(VENV)/.installed  ## a local database, the API, two workers, one comparison; Ctrl-C ends it
	@$(BIN)/concord demo $(ARGS)

test: $(VENV)/.installed  ## all tests
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.installed  ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

$(VENV)/.installed: pyproject.toml requirements.lock
	@PYTHON="$(PYTHON)" sh .ci/environment $(VENV)
	@touch $@

clean:
	@rm -rf $(VENV)
