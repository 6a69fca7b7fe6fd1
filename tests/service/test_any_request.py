"""Valid requests that are altered: each is answered as the contract states, none with a server error."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings

from tests.service.contract import CONTRACT
from tools.fuzz.answers import Answer, Judge
from tools.fuzz.requests import Request, altered_document, altered_envelope, query, requests, route, text


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(CONTRACT, max_seconds=20)


@given(request=requests(altered_document, altered_envelope, query, route, text))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_request_is_answered(client: FlaskClient, judge: Judge, request: Request) -> None:
    answer = client.open(request.path, method=request.method, headers=dict(request.headers), data=request.body)
    faults = judge.faults(request, Answer(answer.status_code, answer.mimetype or "", answer.data, 0))
    assert list(faults) == []
