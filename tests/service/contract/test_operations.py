"""Operations: declared beside a view, in the contract of every app that registers it."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from flask import Blueprint, Flask, Response
from marshmallow import fields

from paramcount.requests.schemas import Strict
from service.contract.openapi import build_document
from service.contract.operations import Operation, declared_operations, json_response, operation
from service.contract.schemas import Problem
from service.requests.queries import Query

ANSWER = json_response(Problem, "an answer", ("application/json", "text/plain"))
BLUEPRINT = Blueprint("operations", __name__)


def _for_each_color(declared: Operation) -> Iterator[Operation]:
    for color in ("red", "blue"):
        yield declared._replace(path=f"/paint/{color}", name=f"paint_{color}")


class ThingQuery(Strict):
    q = fields.Integer()


@operation(BLUEPRINT.get, "/things/<path:kind>/<name>", "thing", summary="A thing", tag="registry", response=ANSWER,
           parameters=({"in": "path", "name": "type"}, {"in": "path", "name": "name"}), query=ThingQuery,
           problems=(HTTPStatus.NOT_FOUND,))  # fmt: skip
def show_thing(kind: str, name: str, query: Query) -> Response:
    return Response(f"{kind} {name} {query.members}")


@BLUEPRINT.get("/secret")
def show_secret() -> Response:
    return Response("no operation")


@operation(BLUEPRINT.post, "/paint/<color>", "paint", summary="Paint", tag="count", response=ANSWER,
           request={"text/plain": {"schema": {"type": "string"}}}, expand=_for_each_color)  # fmt: skip
def paint(color: str) -> Response:
    return Response(color)


@operation(BLUEPRINT.get, "/alive", "alive", summary="Alive", tag="service", response=ANSWER, probe=True)
def show_life() -> Response:
    return Response("alive")


def app() -> Flask:
    flask = Flask(__name__)
    flask.register_blueprint(BLUEPRINT)
    return flask


def test_the_decorator_registers_the_route() -> None:
    client = app().test_client()
    assert client.get("/things/a/b/c").text == "a/b c {}"
    assert client.get("/things/a/b/c?q=3").text == "a/b c {'q': 3}"
    assert client.post("/paint/red").text == "red"
    assert client.get("/paint/red").status_code == 405


def test_operations_in_order_of_registration() -> None:
    assert [(each.method, each.path, each.name) for each in declared_operations(app())] == [
        ("get", "/things/{type}/{name}", "thing"),
        ("post", "/paint/red", "paint_red"),
        ("post", "/paint/blue", "paint_blue"),
        ("get", "/alive", "alive"),
    ]
    assert not list(declared_operations(Flask(__name__)))


def test_operations_in_the_contract() -> None:
    paths = build_document(app())["paths"]
    thing = paths["/things/{type}/{name}"]["get"]
    assert list(thing["responses"]) == ["200", "401", "404", "422", "503"]
    assert thing["responses"]["200"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/Problem"}},
        "text/plain": {"schema": {"type": "string"}},
    }
    assert [(each["in"], each["name"]) for each in thing["parameters"]] == [
        ("path", "type"),
        ("path", "name"),
        ("query", "q"),
    ]
    assert "requestBody" not in thing
    assert "parameters" not in paths["/alive"]["get"]
    assert list(paths["/alive"]["get"]["responses"]) == ["200", "422"]
    assert paths["/alive"]["get"]["security"] == []
    assert paths["/paint/blue"]["post"]["requestBody"]["content"] == {"text/plain": {"schema": {"type": "string"}}}


def test_a_declaration_serves_more_than_one_app() -> None:
    assert build_document(app()) == build_document(app())
