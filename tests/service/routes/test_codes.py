"""GET /problems: every code has a page, at the address that errors and warnings state."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from paramcount.model.codes import ERROR_CODES, WARNING_CODES
from tests.service.contract import CONTRACT, MODEL, assert_conforms, assert_problem


def test_the_type_of_an_error_is_the_address_of_its_page(client: FlaskClient) -> None:
    problem = assert_problem(
        client.post("/v1/count", json={"architecture": {**MODEL, "layers": [{"type": "Dens"}]}}), 422
    )
    (error,) = problem["errors"]
    page = client.get(error["type"])
    assert page.status_code == 200
    assert_conforms("CodeList", page.json)
    assert page.json["codes"][0]["detail"] == ERROR_CODES["unknown_layer"]
    assert problem["type"] == "about:blank"  # as it always was


def test_the_code_of_a_warning_has_a_page(client: FlaskClient) -> None:
    report = client.post("/v1/count", json={"architecture": "Linear(in_features=1, out_features=2, bias=True)"}).json
    for warning in report["warnings"]:
        page = client.get(f"/problems/{warning['code']}").json
        assert page["codes"][-1]["detail"] == WARNING_CODES[warning["code"]]


@pytest.mark.parametrize("code", [*ERROR_CODES, *WARNING_CODES])
def test_a_page_for_a_person(client: FlaskClient, code: str) -> None:
    page = client.get(f"/problems/{code}", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.mimetype == "text/html"
    assert f"<h1><code>{code}</code></h1>" in page.text


def test_all_codes(client: FlaskClient) -> None:
    answer = client.get("/problems").json
    assert_conforms("CodeList", answer)
    assert len(answer["codes"]) == len(ERROR_CODES) + len(WARNING_CODES)


def test_the_contract_lists_all_codes() -> None:
    schemas = CONTRACT["components"]["schemas"]
    for component, known in (("Error", ERROR_CODES), ("Warning", WARNING_CODES)):
        assert schemas[component]["properties"]["code"]["anyOf"][0]["enum"] == list(known)


def test_no_such_code(client: FlaskClient) -> None:
    problem = assert_problem(client.get("/problems/requird"), 404)
    assert 'did you mean "required"?' in problem["detail"]
    assert_problem(client.get("/problems/required", headers={"Accept": "image/png"}), 406)
