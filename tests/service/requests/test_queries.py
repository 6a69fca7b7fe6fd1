"""Query strings: every route takes the options that it declares, and refuses all others."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from paramcount.model.errors import Problems
from service.contract.operations import NoQuery
from service.requests.queries import CountQuery, DocumentQuery, parse_query
from tests.service.contract import MODEL, assert_problem, dense

VARIABLES = {"<kind>": "Dense", "<path:name>": "start.js", "<registry>": "mlflow"}
NAMES = {"/v1/count/<name>": "native", "/v1/models/<name>": "LlamaForCausalLM", "/problems/<code>": "required"}


def test_every_route_refuses_what_it_does_not_declare(client: FlaskClient) -> None:
    for rule in client.application.url_map.iter_rules():
        path = re.sub("<[^>]*>", lambda variable: VARIABLES.get(variable[0]) or NAMES[str(rule)], str(rule))  # noqa: B023
        (method,) = (rule.methods or set()) & {"GET", "POST"}
        answer = client.open(f"{path}?nothing=of+this", method=method, json={} if method == "POST" else None)
        problem = assert_problem(answer, 422)
        assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/nothing", "unknown_member")]


@pytest.mark.parametrize(
    ("path", "pointer", "detail"),
    [
        ("/v1/count?detial=x", "/detial", 'did you mean "detail"?'),
        ("/v1/count?fre=*", "/fre", 'did you mean "freeze"?'),
        ("/v1/count?adapter=x", "/adapter", "is an unknown member"),
        ("/v1/count/native?format=keras", "/format", "is an unknown member"),
        ("/v1/compare?detail=totals", "/detail", "is an unknown member"),
        ("/v1/batch?detail=totals", "/detail", "is an unknown member"),
        ("/v1/export/mlflow?freeze=*", "/freeze", "is an unknown member"),
    ],
)
def test_parameters_that_a_route_does_not_have(client: FlaskClient, path: str, pointer: str, detail: str) -> None:
    problem = assert_problem(client.post(path, json={"architecture": MODEL}), 422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert detail in problem["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("query", "members", "rules"),
    [
        ("", {}, []),
        ("depth=2&views=true&detail=totals", {"depth": 2, "views": True, "detail": "totals"}, []),
        ("freeze=a.*&train=a.b&freeze=c", {}, [("a.*", False), ("a.b", True), ("c", False)]),
        ("freeze=caf%C3%A9", {}, [("café", False)]),
        ("format=keras", {"format": "keras"}, []),
    ],
)
def test_queries(query: str, members: dict[str, Any], rules: list[tuple[str, bool]]) -> None:
    parsed = parse_query(query, CountQuery)
    assert (parsed.members, list(parsed.rules)) == (members, rules)


@pytest.mark.parametrize(
    ("query", "schema", "errors"),
    [
        ("detial=x&depth=0", DocumentQuery, {("/detial", "unknown_member"), ("/depth", "minimum")}),
        ("detail=totals&detail=totals", CountQuery, {("/detail", "duplicate_name")}),
        ("views", CountQuery, {("/views", "type")}),
        ("x", NoQuery, {("/x", "unknown_member")}),
        ("=", NoQuery, {("/", "unknown_member")}),
    ],
)
def test_queries_that_are_refused(query: str, schema: Any, errors: set[tuple[str, str]]) -> None:
    with pytest.raises(Problems) as refused:
        parse_query(query, schema)
    assert {(each.pointer, each.code) for each in refused.value.problems} == errors


@pytest.mark.parametrize("path", ["/v1/count", "/v1/count/native"])
@pytest.mark.parametrize("query", ["freeze=", "freeze", "train="])
def test_an_empty_glob_is_refused(client: FlaskClient, path: str, query: str) -> None:
    problem = assert_problem(client.post(f"{path}?{query}", json=dense()), 422)
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [
        ("/trainable/0/match", "invalid_rule")
    ]
