"""The one shape of every JSON answer, and how each error becomes a status and a sentence.

An error's `data` is null, or {"errors": [{"field", "message"}]} when fields of the request are at fault.
What a user reads never holds Oracle's texts, SQL or stack traces: those are in the log, under the request id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotAuthorizedException,
    NotFoundException,
    PermissionDeniedException,
    ValidationException,
)
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.types import ExceptionHandlersMap

from app.jobs.listing import CursorError
from app.oracle.dictionary import RequestError
from app.oracle.errors import (
    ArgumentError,
    ConflictError,
    DatabaseUnavailableError,
    ForeignSourceError,
    NotFoundError,
    OracleError,
)

Data = TypeVar("Data")
log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = 2

_SENTENCES = {
    400: "The request cannot be read.",
    401: "Log in first: send `Authorization: Bearer TOKEN`.",
    403: "Your role may not do this.",
    404: "There is nothing here.",
    405: "This address does not take that method.",
    413: "The request body is too large.",
    415: "Send the body as JSON.",
    429: "Too many attempts; wait a moment.",
    500: "Something went wrong on our side. The log has the details under this request's id.",
    503: "The service is not available now; try again in a moment.",
}


class Envelope(msgspec.Struct, Generic[Data], frozen=True):
    """What every answer looks like."""

    success: bool
    data: Data
    message: str
    timestamp: datetime


class FieldError(msgspec.Struct, frozen=True):
    """One fault of a request: where and what."""

    field: str
    message: str


class FieldErrors(msgspec.Struct, frozen=True):
    """The faults of a request."""

    errors: list[FieldError]


class Failure(msgspec.Struct, frozen=True):
    """The envelope of an error."""

    success: bool
    data: FieldErrors | None
    message: str
    timestamp: datetime


class TooManyAttemptsError(Exception):
    """The caller must wait `seconds` before the next attempt; `headers` say more."""

    def __init__(self, sentence: str, seconds: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.seconds = seconds
        self.headers = dict(headers or {})


class BusyError(Exception):
    """This process does as much at once as it should; the same request may succeed a moment later."""


def ok(data: Data, message: str = "") -> Envelope[Data]:
    """The envelope of a good answer."""
    return Envelope(success=True, data=data, message=message, timestamp=datetime.now(UTC))


def failed(message: str, errors: list[FieldError] | None = None) -> Failure:
    """The envelope of a request that was not carried out."""
    return Failure(
        success=False,
        data=FieldErrors(errors) if errors else None,
        message=message,
        timestamp=datetime.now(UTC),
    )


def failure(
    status: int,
    message: str,
    errors: list[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response[Failure]:
    """The answer to a request that was not carried out."""
    return Response(
        failed(message, errors), status_code=status, headers=headers, media_type="application/json"
    )


_EXAMPLE_TIME = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def documented(
    status: int, envelope: Any, description: str, example: Any, *errors: int, message: str = ""
) -> dict[int, ResponseSpec]:
    """The answers of a route for its documentation: the good one with an example of its data, and errors."""
    value = Envelope(success=True, data=example, message=message, timestamp=_EXAMPLE_TIME)
    good = ResponseSpec(
        envelope,
        generate_examples=False,
        description=description,
        examples=[Example(summary=description, value=value)],
    )
    return {status: good, **errors_of(*errors)}


def errors_of(*statuses: int) -> dict[int, ResponseSpec]:
    """The error answers of a route for its documentation; 400, 500 and 503 can come from any."""
    examples = {**_SENTENCES, 409: "Job ... is COMPLETED: it cannot be cancelled."}
    unknown = "there is no table or view DEMO.AIRPORTS that Concord may read."
    examples[422] = f"source.table: {unknown}"
    specs = {}
    for status in sorted({400, *statuses, 500, 503}):
        fields = FieldErrors([FieldError("source.table", unknown)]) if status == 422 else None
        value = Failure(success=False, data=fields, message=examples[status], timestamp=_EXAMPLE_TIME)
        specs[status] = ResponseSpec(
            Failure,
            generate_examples=False,
            description=examples[status],
            examples=[Example(value=value)],
        )
    return specs


def _on_http_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[Failure]:
    status = error.status_code
    detail = error.detail if status == 400 and error.detail else None
    if status == 400:
        sentence = f"The request cannot be read: {detail}." if detail else _SENTENCES[400]
        return failure(status, sentence)
    return failure(status, _SENTENCES.get(status, error.detail), headers=error.headers)


def _on_own_sentence(_: Request[Any, Any, Any], error: HTTPException) -> Response[Failure]:
    """Authentication and permission: raised by our guards, with our sentences."""
    return failure(error.status_code, error.detail or _SENTENCES[error.status_code], headers=error.headers)


def _on_no_route(request: Request[Any, Any, Any], _: NotFoundException) -> Response[Failure]:
    return failure(404, f"There is nothing at {request.url.path[:200]}.")


def _on_wrong_method(request: Request[Any, Any, Any], error: MethodNotAllowedException) -> Response[Failure]:
    return failure(405, f"{request.url.path[:200]} does not take {request.method}.", headers=error.headers)


def _on_invalid(_: Request[Any, Any, Any], error: ValidationException) -> Response[Failure]:
    extra = cast(list[dict[str, str]], error.extra if isinstance(error.extra, list) else [])
    errors = [_field_error(item) for item in extra]
    return failure(422, _joined(errors) or error.detail, errors)


def _field_error(item: dict[str, str]) -> FieldError:
    """Litestar's finding with the field named as the caller knows it."""
    field, message = item.get("key", ""), item.get("message", "")
    if item.get("source") == "body" and field == "data":
        field = ""
    if message == "'data'":
        return FieldError("body", "a JSON object is expected")
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", message, re.DOTALL)
    if unknown:
        return FieldError(
            ".".join(part for part in (field, unknown[1][:100]) if part), "there is no such field"
        )
    missing = re.fullmatch(r"Object missing required field `(.*)`", message)
    if missing:
        return FieldError(".".join(part for part in (field, missing[1]) if part), "this field is required")
    message = message[:1].lower() + message[1:]
    return FieldError(field or "body", message.replace("`", ""))


def _joined(errors: list[FieldError]) -> str:
    return "; ".join(f"{error.field}: {error.message}" for error in errors)[:1000]


def _on_bad_request(_: Request[Any, Any, Any], error: RequestError) -> Response[Failure]:
    return failure(422, f"{error.field}: {error}", [FieldError(error.field, str(error))])


def _on_bad_cursor(_: Request[Any, Any, Any], error: CursorError) -> Response[Failure]:
    field = str(error).split("`")[1]
    return failure(422, str(error), [FieldError(field, str(error))])


def _on_too_many(_: Request[Any, Any, Any], error: TooManyAttemptsError) -> Response[Failure]:
    return failure(429, str(error), headers={"Retry-After": str(error.seconds), **error.headers})


def _on_busy(_: Request[Any, Any, Any], error: BusyError) -> Response[Failure]:
    return failure(503, str(error), headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def _on_oracle_error(_: Request[Any, Any, Any], error: OracleError) -> Response[Failure]:
    for kind, status in ((NotFoundError, 404), (ConflictError, 409), (ArgumentError, 422)):
        if isinstance(error, kind):
            return failure(status, error.sentence)
    if isinstance(error, DatabaseUnavailableError):
        log.warning("database unavailable", code=error.code, sentence=error.sentence)
        return failure(503, error.sentence, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    if isinstance(error, ForeignSourceError):
        log.warning("connection failed", code=error.code, sentence=error.sentence)
        retry = {"Retry-After": str(RETRY_AFTER_SECONDS)} if error.retryable else None
        return failure(503 if error.retryable else 422, error.sentence, headers=retry)
    log.error("database error", code=error.code, sentence=error.sentence, exc_info=error)
    if error.misconfigured:
        return failure(
            503, _SENTENCES[503].replace("; try again in a moment", ""), headers={"Retry-After": "60"}
        )
    return failure(500, _SENTENCES[500])


def _on_endless_nesting(_: Request[Any, Any, Any], __: RecursionError) -> Response[Failure]:
    """The JSON decoder's own limit; no code of ours recurses."""
    return failure(400, "The request cannot be read: it is nested too deeply.")


def _on_no_utf8(_: Request[Any, Any, Any], error: UnicodeDecodeError) -> Response[Failure]:
    """The JSON decoder's, which the framework lets through; the log has it in case it is ours."""
    log.warning("a request is not UTF-8", exc_info=error)
    return failure(400, "The request cannot be read: it is not UTF-8.")


def _on_anything(_: Request[Any, Any, Any], error: Exception) -> Response[Failure]:
    log.error("unexpected error", exc_info=error)
    return failure(500, _SENTENCES[500])


EXCEPTION_HANDLERS = cast(
    ExceptionHandlersMap,
    {
        NotAuthorizedException: _on_own_sentence,
        PermissionDeniedException: _on_own_sentence,
        NotFoundException: _on_no_route,
        MethodNotAllowedException: _on_wrong_method,
        ValidationException: _on_invalid,
        RequestError: _on_bad_request,
        CursorError: _on_bad_cursor,
        TooManyAttemptsError: _on_too_many,
        BusyError: _on_busy,
        OracleError: _on_oracle_error,
        HTTPException: _on_http_error,
        RecursionError: _on_endless_nesting,
        UnicodeDecodeError: _on_no_utf8,
        Exception: _on_anything,
    },
)
