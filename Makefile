# `make demo` and `make test` on a fresh machine: python3 >= 3.11 and make, nothing else.
VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: demo test test-23ai check clean

demo: $(VENV)/.installed  ## a local database, the API, two workers, one comparison; Ctrl-C ends it
	@$(BIN)/concord demo $(ARGS)

test: $(VENV)/.installed  ## all tests
	@$(BIN)/python -m pytest $(ARGS)

test-23ai: $(VENV)/.installed  ## the product's tests of SQL once more, the local database playing 23ai
	@CONCORD_TEST_PLAY=23ai $(BIN)/python -m pytest -q tests/install/test_install.py tests/install/test_printed.py tests/queue/test_job_queue.py \
	  tests/queue/test_job_queue_verbs.py tests/queue/test_job_queue_updates.py tests/queue/test_scripts.py \
	  tests/api/test_jobs.py tests/api/test_store.py tests/api/test_submit.py $(ARGS)

check: $(VENV)/.installed  ## style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

$(VENV)/.installed: pyproject.toml requirements.lock
	@PYTHON="$(PYTHON)" sh .ci/environment $(VENV)
	@touch $@

clean:
	@rm -rf $(VENV)
