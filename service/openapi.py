"""The contract as served: an OpenAPI 3.1 document built from the registries, plug-ins included."""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Any

from apispec import APISpec
from apispec.yaml_utils import dict_to_yaml

from paramcount.rendering import RENDERERS
from paramcount.rendering.comparison import COMPARISONS
from paramcount.rendering.exports import EXPORTS
from paramcount.requests import schemas as envelopes
from paramcount.schema.components import new_spec
from paramcount.schema.registry import FORMATS, LAYERS, Format
from service import schemas
from service.routes.models import ModelDetail, ModelList

JSON = "application/json"
ASSETS = Path(__file__).parent / "assets"

_DESCRIPTION = """\
Post the description of a neural network, get an exact, itemised count of its parameters: what trains, what is frozen,
where they sit, and why. Nothing is counted as zero in silence: what cannot be seen is a problem, or `exact` is false
and `warnings` says what.

The config of a layer is described by the component of its type, such as `keras.Dense`."""

_PROBLEMS = {
    HTTPStatus.BAD_REQUEST: "not JSON, or not UTF-8",
    HTTPStatus.UNAUTHORIZED: "a bearer token is needed, where the operator has set some",
    HTTPStatus.NOT_FOUND: "no such thing",
    HTTPStatus.NOT_ACCEPTABLE: "the answer cannot be had in that form",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body is too long",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "the body's content type is not taken here",
    HTTPStatus.UNPROCESSABLE_ENTITY: "it breaks the contract, or describes no possible model",
    HTTPStatus.SERVICE_UNAVAILABLE: "too many requests at once: try again after Retry-After seconds",
}
_ANYWHERE = (HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE)
_READING = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_ACCEPTABLE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
_ENVELOPE_EXAMPLE = {
    "architecture": {
        "framework": "keras",
        "input_shape": [3],
        "layers": [{"type": "Dense", "name": "out", "units": 4}],
    },
    "trainable": [{"match": "out.bias", "trainable": False}],
}


@lru_cache
def document() -> dict[str, Any]:
    """The OpenAPI document of this process."""
    spec = new_spec(
        title="Paramcount",
        version=version("paramcount"),
        info={"description": _DESCRIPTION},
        servers=[{"url": "/"}],
        security=[{}, {"bearer": []}],  # an operator may ask for tokens
        tags=[{"name": "count"}, {"name": "registry"}, {"name": "service"}],
    )
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    for name, kind in LAYERS.items():
        spec.components.schema(name, {"description": kind.doc, **kind.signature.json_schema})
    _count_paths(spec)
    _registry_paths(spec)
    _service_paths(spec)
    found: dict[str, Any] = spec.to_dict()
    return found


@lru_cache
def as_yaml() -> str:
    """The same as YAML."""
    return str(dict_to_yaml(document(), {"sort_keys": False, "allow_unicode": True, "width": 120}))


def _operation(name: str, summary: str, tag: str, answer: Any, problems: tuple[int, ...] = (), **more: Any) -> Any:
    """One operation: what it is called, what it answers, and how it can fail."""
    responses: dict[str, Any] = {"200": answer}
    for status in sorted((*problems, *(() if name in ("livez", "readyz") else _ANYWHERE))):
        responses[str(int(status))] = {
            "description": _PROBLEMS[HTTPStatus(status)],
            "content": {"application/problem+json": {"schema": schemas.Problem}},
        }
    found = {"operationId": name, "summary": summary, "tags": [tag], **more, "responses": responses}
    return found | {"security": []} if name in ("livez", "readyz") else found


def _json(schema: Any, description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _count_paths(spec: APISpec) -> None:
    report = _json(schemas.Report, "the report")
    report["content"] |= {media: {"schema": {"type": "string"}} for media in RENDERERS if media != JSON}
    content = {"application/json": {"schema": envelopes.Envelope, "example": _ENVELOPE_EXAMPLE}}
    post = _operation("count", "Count a document of any format", "count", report, _READING,
                      requestBody={"required": True, "content": content})  # fmt: skip
    spec.path("/v1/count", operations={"post": post})
    for name, export in EXPORTS.items():
        post = _operation(
            f"export_{name}",
            f"Count a document, and answer as {name} takes it",
            "count",
            _json({"type": "object"}, (export.__doc__ or "").partition("\n")[0]),
            _READING,
            requestBody={"required": True, "content": {"application/json": {"schema": envelopes.Envelope}}},
        )
        spec.path(f"/v1/export/{name}", operations={"post": post})
    comparison = _json(schemas.ComparisonReport, "what was added, removed, resized, renamed, frozen")
    comparison["content"] |= {
        media: {"schema": {"type": "string"}} for media in COMPARISONS if media != "application/json"
    }
    content = {"application/json": {"schema": envelopes.Comparison}}
    post = _operation("compare", "Compare two documents of any formats", "count", comparison, _READING,
                      requestBody={"required": True, "content": content})  # fmt: skip
    spec.path("/v1/compare", operations={"post": post})
    lines = {"application/x-ndjson": {"schema": {"type": "string"}}}
    post = _operation(
        "batch", "Count many documents: an envelope a line, with an `id` if you like", "count",
        {"description": "a report or a problem a line, in order, with its `line` and `id`", "content": lines},
        (HTTPStatus.NOT_ACCEPTABLE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        requestBody={"required": True, "content": {"application/x-ndjson": {"schema": {}}}},  # any line is answered
    )  # fmt: skip
    spec.path("/v1/batch", operations={"post": post})
    for found in FORMATS.values():
        post = _operation(
            f"count_{found.name}",
            found.doc.partition("\n")[0],
            "count",
            report,
            _READING,
            parameters=_parameters(),
            requestBody={"required": True, "content": _content(found)},
        )
        spec.path(f"/v1/count/{found.name}", operations={"post": post})


def _content(found: Format) -> dict[str, Any]:
    """What the body of a request for one format may be."""
    if found.media == "application/json":
        return {found.media: {"schema": found.schema or {}, "example": found.example}}
    if found.media.startswith("text/"):
        text = {"schema": {"type": "string"}, "example": found.example}
        return {found.media: text, "application/json": text}
    content: dict[str, Any] = {found.media: {"schema": {"type": "string", "format": "binary"}}}
    if not isinstance(found.example, bytes):
        content["application/json"] = {"schema": found.schema or {}, "example": found.example}
    return content


def _parameters() -> list[Any]:
    globs = {"in": "query", "schema": {"type": "array", "items": {"type": "string"}}, "explode": True}
    return [
        {"in": "query", "schema": envelopes.CountOptions},
        {"name": "freeze", "description": "a glob of what does not train; as often as need be", **globs},
        {"name": "train", "description": "a glob of what trains; of all globs that match, the last one holds", **globs},
    ]


def _registry_paths(spec: APISpec) -> None:
    get = _operation("layers", "The layer types", "registry", _json(schemas.LayerList, "the registered layer types"))
    spec.path("/v1/layers", operations={"get": get})
    kind = {"in": "path", "name": "type", "required": True, "schema": {"type": "string"}, "example": "keras.Dense"}
    get = _operation(
        "layer",
        "One layer type, with the schema of its config",
        "registry",
        _json(schemas.LayerDetail, "the layer type"),
        (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
        parameters=[kind],
    )
    spec.path("/v1/layers/{type}", operations={"get": get})
    _model_paths(spec)
    get = _operation(
        "formats", "The formats, with an example each", "registry", _json(schemas.FormatList, "the formats")
    )
    spec.path("/v1/formats", operations={"get": get})


def _model_paths(spec: APISpec) -> None:
    get = _operation("models", "The classes of transformers", "registry", _json(ModelList, "the classes"))
    spec.path("/v1/models", operations={"get": get})
    name = {"in": "path", "name": "name", "required": True, "schema": {"type": "string"}, "example": "LlamaForCausalLM"}
    get = _operation(
        "model",
        "One class of transformers, with the fields that size it",
        "registry",
        _json(ModelDetail, "the class"),
        (HTTPStatus.NOT_FOUND,),
        parameters=[name],
    )
    spec.path("/v1/models/{name}", operations={"get": get})


def _service_paths(spec: APISpec) -> None:
    anything = _json({"type": "object"}, "what it says")
    routes = {
        "/": ("index", "What this is, and where to go"),
        "/livez": ("livez", "Whether the process is alive"),
        "/readyz": ("readyz", "Whether it answers requests"),
        "/v1/limits": ("limits", "What bounds a request"),
        "/openapi.json": ("openapi_json", "This document"),
    }
    for path, (name, summary) in routes.items():
        spec.path(path, operations={"get": _operation(name, summary, "service", anything)})
    for path, name, media, kind, summary in (
        ("/openapi.yaml", "openapi_yaml", "application/yaml", "object", "This document as YAML"),
        ("/docs", "docs", "text/html", "string", "This document in a browser"),
        ("/metrics", "metrics", "text/plain", "string", "Metrics for Prometheus"),
    ):
        answer = {"description": "what it says", "content": {media: {"schema": {"type": kind}}}}
        spec.path(path, operations={"get": _operation(name, summary, "service", answer)})
