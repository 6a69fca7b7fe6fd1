"""Seeded changes of a contract: what must be caught, and what must not."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tools.compatibility.breaks import breaks

CONTRACT: dict[str, Any] = {
    "paths": {
        "/count": {
            "post": {
                "parameters": [{"in": "query", "name": "depth", "schema": {"type": "integer", "minimum": 1}}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/In"}}}},
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Out"}}}}
                },
            }
        }
    },
    "components": {
        "schemas": {
            "keras.Dense": {"type": "object", "required": ["units"], "properties": {"units": {"type": "integer"}}},
            "In": {
                "type": "object",
                "additionalProperties": False,
                "required": ["units"],
                "properties": {
                    "units": {"type": ["integer", "null"], "maximum": 9},
                    "mode": {"type": "string", "enum": ["a", "b"]},
                    "inner": {"$ref": "#/components/schemas/In"},
                    "size": {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]},
                },
            },
            "Out": {
                "type": "object",
                "required": ["total"],
                "properties": {
                    "total": {"type": "integer"},
                    "mode": {"type": "string", "enum": ["a", "b"]},
                    "rows": {"type": "array", "items": {"$ref": "#/components/schemas/Out"}},
                    "size": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
                },
            },
        }
    },
}
PARAMETERS = CONTRACT["paths"]["/count"]["post"]["parameters"]
IN = ("components", "schemas", "In")
OUT = ("components", "schemas", "Out")
POST = ("paths", "/count", "post")
GONE = object()


def change(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    contract: Any = deepcopy(CONTRACT)
    node = contract
    for step in path[:-1]:
        node = node[step]
    if value is GONE:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return contract  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("path", "value", "detail"),
    [
        (("paths", "/count"), GONE, "is gone"),
        ((*POST, "parameters"), [], "depth: is gone"),
        ((*POST, "parameters", 0, "required"), True, "depth: is required now"),
        ((*POST, "parameters", 0, "schema", "minimum"), 2, "minimum is 2 now"),
        ((*POST, "requestBody", "required"), True, "a body is required now"),
        ((*POST, "requestBody", "content"), {}, "application/json: is gone"),
        ((*POST, "responses"), {}, "is no answer any more"),
        ((*POST, "responses", "200", "content"), {}, "application/json: is gone"),
        ((*IN, "required"), ["units", "mode"], "mode: is required now"),
        ((*IN, "properties", "mode"), GONE, "mode: is gone"),
        ((*IN, "properties", "units", "type"), "integer", "was integer or null, is integer"),
        ((*IN, "properties", "units", "type"), "string", "units: was"),
        ((*IN, "properties", "units", "maximum"), 8, "maximum is 8 now"),
        ((*IN, "properties", "units", "minimum"), 1, "minimum is 1 now"),
        ((*IN, "properties", "mode", "enum"), ["a"], "b is refused now"),
        ((*IN, "properties", "mode", "pattern"), "^a", "must match"),
        ((*IN, "properties", "units", "enum"), [1], "anything else is refused now"),
        ((*IN, "properties", "size", "anyOf"), [{"type": "integer"}], "array is refused now"),
        ((*IN, "properties", "size", "anyOf", 1, "items", "type"), "string", "array is refused now"),
        (("components", "schemas", "keras.Dense"), GONE, "keras.Dense: is gone"),
        (("components", "schemas", "keras.Dense", "required"), ["units", "more"], "more: is required now"),
        ((*OUT, "properties", "total"), GONE, "total: is gone"),
        ((*OUT, "properties", "mode"), GONE, "mode: is gone"),
        ((*OUT, "required"), [], "total: is not always there"),
        ((*OUT, "properties", "total", "type"), ["integer", "null"], "was integer, is integer or null"),
        ((*OUT, "properties", "total", "type"), "number", "was integer, is number"),
        ((*OUT, "properties", "total"), {}, "was integer, is anything"),
        ((*OUT, "properties", "mode", "enum"), ["a", "b", "c"], "c is a new value"),
        ((*OUT, "properties", "mode", "enum"), GONE, "anything else is a new value"),
        ((*OUT, "properties", "size", "anyOf"), [{"type": "integer"}, {"type": "boolean"}], "boolean is new"),
    ],
)
def test_a_break_is_caught(path: tuple[Any, ...], value: Any, detail: str) -> None:
    lines = list(breaks(CONTRACT, change(path, value)))
    assert any(detail in line for line in lines), lines


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("paths", "/more"), {"get": {"responses": {}}}),
        ((*POST, "parameters"), [*PARAMETERS, {"in": "query", "name": "more", "schema": {}}]),
        ((*POST, "responses", "422"), {}),
        ((*IN, "required"), []),
        ((*IN, "properties", "more"), {"type": "string"}),
        ((*IN, "properties", "units", "type"), ["integer", "null", "string"]),
        ((*IN, "properties", "units", "type"), ["number", "null"]),
        ((*IN, "properties", "units"), {}),
        ((*IN, "properties", "units", "maximum"), 10),
        ((*IN, "properties", "mode", "enum"), ["a", "b", "c"]),
        ((*IN, "additionalProperties"), True),
        ((*IN, "properties", "size", "anyOf", 0, "type"), "number"),
        ((*OUT, "required"), ["total", "mode"]),
        ((*OUT, "properties", "more"), {"type": "string"}),
        ((*OUT, "properties", "mode", "enum"), ["a"]),
        ((*OUT, "properties", "total", "minimum"), 0),
        ((*OUT, "properties", "size", "anyOf"), [{"type": "integer"}]),
        ((*OUT, "properties", "total", "description"), "how many"),
    ],
)  # fmt: skip
def test_what_clients_can_live_with_is_not_caught(path: tuple[Any, ...], value: Any) -> None:
    assert list(breaks(CONTRACT, change(path, value))) == []
