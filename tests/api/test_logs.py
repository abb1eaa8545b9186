"""Logs are for operators: readable or JSON, with ids, and never with a secret in them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from app.ops.logs import redact

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
KEY = "concord_k2m7qa4xpz_" + "pT0-" * 10 + "abc"

PROGRAM = """
import structlog
from app.ops.logs import configure_logging
from app.settings import Settings
configure_logging(Settings(log_format={format!r}))
log = structlog.get_logger("trial")
structlog.contextvars.bind_contextvars(request_id="r-1")
password = "hush-local"
log.info("greeting", line="one\\ntwo", path="/\\x1b[2J\\u202eoval", admin_password="hush-field")
try:
    raise ValueError("went wrong")
except ValueError as error:
    log.error("failure", exc_info=error)
"""


def logged(log_format: str) -> str:
    program = PROGRAM.format(format=log_format)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    "name", ["password", "db_password", "access_token", "Authorization", "jwt_secret", "api_key"]
)
def test_a_value_under_the_name_of_a_secret_is_not_written(name: str) -> None:
    assert redact(None, "info", {name: "hush"})[name] == "[redacted]"


@pytest.mark.parametrize(
    "text", [f"header was Bearer {TOKEN}", f"got {TOKEN} from somewhere", f"key {KEY} used"]
)
def test_a_token_inside_a_text_is_not_written(text: str) -> None:
    written = redact(None, "info", {"event": text})["event"]
    assert "eyJ" not in written
    assert KEY not in written
    assert "[redacted]" in written


def test_harmless_values_stay_as_they_are() -> None:
    event = {"event": "request", "path": "/api/v1/jobs", "status": 200}
    assert redact(None, "info", dict(event)) == event


def test_json_logs_are_one_object_a_line_with_the_request_id() -> None:
    first, second = (json.loads(line) for line in logged("json").splitlines())
    assert (first["event"], first["line"], first["request_id"]) == ("greeting", "one\ntwo", "r-1")
    assert "ValueError: went wrong" in second["exception"]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_secret_is_in_the_log_not_even_from_a_traceback(log_format: str) -> None:
    text = logged(log_format)
    assert "went wrong" in text
    assert "hush" not in text


def test_a_line_break_in_a_value_makes_no_line_of_its_own() -> None:
    assert "two" not in [line.strip() for line in logged("console").splitlines()]


def test_what_a_caller_sends_does_not_steer_the_terminal() -> None:
    text = logged("console")
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\x1b[2J\\x202eoval" in text
