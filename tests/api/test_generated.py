"""Requests generated from the OpenAPI document, as each role: no 500, no answer that the document does not know."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup

from app.accounts.permissions import Role

# Left out: what ends the caller's own session, and streams that never end. They have tests of their own.
_LEFT_OUT = r"/auth/logout|/auth/password|/stream$"


@pytest.fixture(scope="session")
def document(address: str) -> schemathesis.schemas.BaseSchema:
    # What fits the document may still name a table that is not there: 422 is an answer to that.
    accepted = ["2xx", "401", "403", "404", "409", "422", "429"]
    config = schemathesis.Config.from_dict(
        {"checks": {"positive_data_acceptance": {"expected-statuses": accepted}}}
    )
    return schemathesis.openapi.from_url(
        address.removesuffix("/api/v1") + "/docs/openapi.json", config=config
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("role", list(Role))
def test_whatever_fits_or_breaks_the_document_is_answered_as_documented(
    document: schemathesis.schemas.BaseSchema,
    headers_of: Callable[[Role], dict[str, str]],
    role: Role,
    mode: GenerationMode,
) -> None:
    found, tried = [], 0
    for result in document.exclude(path_regex=_LEFT_OUT).get_all_operations():
        operation = result.ok()

        @settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def probe(case: schemathesis.Case) -> None:
            case.call_and_validate(headers=headers_of(role))

        try:
            probe()
            tried += 1
        except Unsatisfiable:
            assert (
                mode is GenerationMode.NEGATIVE
            )  # a request without parameters or body: nothing to get wrong
        except (Failure, FailureGroup) as error:
            found.append(f"{operation.label}: {error}")
    assert tried > (25 if mode is GenerationMode.POSITIVE else 15)
    assert not found, "\n\n".join(found)
