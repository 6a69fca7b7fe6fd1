"""The contract as served: an OpenAPI 3.1 document of the app's operations and the registries, plug-ins included."""

from __future__ import annotations

from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from apispec.yaml_utils import dict_to_yaml
from flask import Flask

from paramcount.schema.components import new_spec
from paramcount.schema.registry import LAYERS
from service.contract import schemas
from service.contract.operations import Operation, declared_operations

_DESCRIPTION = """\
Post the description of a neural network. The answer is an exact count of its parameters, layer by layer: what trains,
what is frozen and why. Nothing is counted as zero in silence: if a part cannot be counted, the answer is a problem, or
`exact` is false and `warnings` names the part.

The config of a layer is described by the component of its type, such as `keras.Dense`."""

_PROBLEMS = {
    HTTPStatus.BAD_REQUEST: "The body is not JSON, or not UTF-8.",
    HTTPStatus.UNAUTHORIZED: "A bearer token is required, if the operator has set any.",
    HTTPStatus.NOT_FOUND: "There is nothing of this name.",
    HTTPStatus.NOT_ACCEPTABLE: "The answer is not available in an accepted media type.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too long.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The content type or content coding of the body is not supported.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request does not conform to the contract, or describes an impossible model.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Too many requests at once: try again after Retry-After seconds.",
}
_COMMON_PROBLEMS = frozenset((HTTPStatus.UNPROCESSABLE_ENTITY,))
"""The statuses of every operation: an unknown query parameter is refused everywhere."""

_GUARDED_PROBLEMS = frozenset((HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE))
"""The statuses of every operation but the probes."""


def build_document(app: Flask) -> dict[str, Any]:
    """Build the OpenAPI document of an app, once."""
    if "openapi" not in app.extensions:
        app.extensions["openapi"] = _build_document(app)
    document: dict[str, Any] = app.extensions["openapi"]
    return document


def render_yaml(app: Flask) -> str:
    """Render the document of an app as YAML, once."""
    if "openapi_yaml" not in app.extensions:
        options = {"sort_keys": False, "allow_unicode": True, "width": 120}
        app.extensions["openapi_yaml"] = str(dict_to_yaml(build_document(app), options))
    text: str = app.extensions["openapi_yaml"]
    return text


def _build_document(app: Flask) -> dict[str, Any]:
    spec = new_spec(
        title="Paramcount",
        version=version("paramcount"),
        info={"description": _DESCRIPTION},
        servers=[{"url": "/"}],
        security=[{}, {"bearer": []}],  # an operator may ask for tokens
        tags=[{"name": "count"}, {"name": "registry"}, {"name": "service"}],
    )
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    for name, layer_type in LAYERS.items():
        spec.components.schema(name, {"description": layer_type.doc, **layer_type.signature.json_schema})
    for operation in declared_operations(app):
        spec.path(operation.path, operations={operation.method: _describe(operation)})
    document: dict[str, Any] = spec.to_dict()
    return document


def _describe_query(operation: Operation) -> list[dict[str, Any]]:
    """Return the options of an operation's query string as parameters."""
    return [{"in": "query", "schema": operation.query}] if operation.query().fields else []


def _describe(operation: Operation) -> dict[str, Any]:
    """Return an operation as OpenAPI writes it."""
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
    }
    if parameters := [*operation.parameters, *_describe_query(operation)]:
        described["parameters"] = parameters
    if operation.request:
        described["requestBody"] = {"required": True, "content": operation.request}
    described["responses"] = {"200": operation.response}
    guarded = frozenset() if operation.probe else _GUARDED_PROBLEMS
    for status in sorted(_COMMON_PROBLEMS | guarded | {*operation.problems}):
        described["responses"][str(int(status))] = {
            "description": _PROBLEMS[status],
            "content": {"application/problem+json": {"schema": schemas.Problem}},
        }
    return described | {"security": []} if operation.probe or operation.public else described
