"""Requests that the contract's schemas allow or forbid, to some formats and exports; `make hostile` has all of them."""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from service.app import create_app
from tools.fuzz import serializers  # noqa: F401 # for batches

_NOT_SAMPLED = r"^/v1/(count|export)/(?!(gguf|keras|native|torch|modelcard)$)"

CONTRACT = schemathesis.openapi.from_wsgi("/openapi.json", create_app()).exclude(path_regex=_NOT_SAMPLED)


@CONTRACT.parametrize()
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_operation_keeps_the_contract(case: schemathesis.Case[Any]) -> None:
    # A schema cannot say that a model is possible: valid JSON may still be a 422.
    case.call_and_validate(
        headers={"Accept-Encoding": "identity"},
        checks=[
            not_a_server_error,
            content_type_conformance,
            negative_data_rejection,
            response_schema_conformance,
            status_code_conformance,
            unsupported_method,
        ],
    )
