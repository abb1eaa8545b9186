"""Logs: structlog on standard error, readable on a terminal or JSON, with request ids, never with secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from app.settings import Settings

_SECRET_NAME = re.compile(r"password|passwd|secret|token|authorization|api_?key|credential", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"(?i)\b(bearer\s+)[\w.~+/=-]{8,}|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+|\bconcord_[a-z2-7]{10}_[\w-]{43}"
)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_REDACTED = "[redacted]"

Event = MutableMapping[str, Any]


def redact(_: Any, __: str, event: Event) -> Event:
    """structlog processor: values under a secret's name, and tokens inside any text, are not written."""
    for name, value in event.items():
        if _SECRET_NAME.search(name):
            event[name] = _REDACTED
        elif isinstance(value, str):
            event[name] = _SECRET_TEXT.sub(_REDACTED, value)
    return event


def printable(_: Any, __: str, event: Event) -> Event:
    """structlog processor for terminals: what a caller sends neither begins a line nor steers the terminal."""
    for name, value in event.items():
        if isinstance(value, str) and name not in ("exception", "stack"):
            event[name] = _UNPRINTABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", value)
    return event


def configure_logging(settings: Settings) -> None:
    """Send this process's structlog and standard logging to standard error in one format."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.log_format == "json":
        ending: list[structlog.types.Processor] = [
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(),
        ]
    else:
        # Plain tracebacks: the default ones print local variables, and those hold passwords.
        plain = structlog.dev.plain_traceback
        ending = [
            redact,
            printable,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain),
        ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.log_level]
        ),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
