"""The routes of the service itself: the index, the probes, the limits, the contract and the metrics."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, send_from_directory

from paramcount.schema.registry import FORMATS, LAYERS
from service import openapi
from service.context import current_app, current_request, current_settings
from service.middleware import metrics
from service.middleware.proxy import cacheable
from service.operations import json_response, operation, take_query
from service.responses import respond_json

blueprint = Blueprint("service", __name__)

ASSETS = Path(__file__).parents[1] / "assets"

_CONTENT_SECURITY_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


def _response(media: str, schema_type: str, description: str) -> dict[str, Any]:
    return {"description": description, "content": {media: {"schema": {"type": schema_type}}}}


@operation(
    blueprint.get,
    "/",
    "index",
    summary="What this is, and where to go",
    tag="service",
    response=json_response({"type": "object"}, "Name, version and main paths of the service."),
)
def show_index() -> Response:
    return respond_json(
        {
            "name": "paramcount",
            "version": version("paramcount"),
            "what": "Counts the parameters of a neural network from its description, exactly and layer by layer.",
            "count": "/v1/count",
            "formats": "/v1/formats",
            "layers": "/v1/layers",
            "openapi": "/openapi.json",
            "docs": "/docs",
        }
    )


@operation(
    blueprint.get,
    "/livez",
    "livez",
    summary="Whether the process is alive",
    tag="service",
    response=json_response({"type": "object"}, "The process is alive."),
    probe=True,
)
def show_liveness() -> Response:
    return respond_json({"status": "alive"})


@operation(
    blueprint.get,
    "/readyz",
    "readyz",
    summary="Whether it answers requests",
    tag="service",
    response=json_response({"type": "object"}, "The service is ready."),
    probe=True,
)
def show_readiness() -> Response:
    return respond_json({"status": "ready", "layers": len(LAYERS), "formats": len(FORMATS)})


@operation(
    blueprint.get,
    "/v1/limits",
    "limits",
    summary="What bounds a request",
    tag="service",
    response=json_response({"type": "object"}, "The limits of a request by setting."),
)
@cacheable
def show_limits() -> Response:
    return respond_json(current_settings().by_name)


@operation(
    blueprint.get,
    "/openapi.json",
    "openapi_json",
    summary="This document",
    tag="service",
    response=json_response({"type": "object"}, "The OpenAPI document."),
)
@cacheable
def show_contract() -> Response:
    document = openapi.build_document(current_app())
    return respond_json(document | {"servers": [{"url": current_request().script_root or "/"}]})


@operation(
    blueprint.get,
    "/openapi.yaml",
    "openapi_yaml",
    summary="This document as YAML",
    tag="service",
    response=_response("application/yaml", "object", "The OpenAPI document."),
)
@cacheable
def show_contract_as_yaml() -> Response:
    return Response(openapi.render_yaml(current_app()), content_type="application/yaml")


@operation(
    blueprint.get,
    "/docs",
    "docs",
    summary="This document in a browser",
    tag="service",
    response=_response("text/html", "string", "A page that shows the OpenAPI document."),
)
@cacheable
def show_docs() -> Response:
    headers = {"Content-Security-Policy": _CONTENT_SECURITY_POLICY}
    return Response((ASSETS / "index.html").read_bytes(), headers=headers, content_type="text/html; charset=utf-8")


@blueprint.get("/docs/<path:name>")
@take_query
@cacheable
def send_docs_asset(name: str) -> Response:
    return send_from_directory(ASSETS, name)


@operation(
    blueprint.get,
    "/metrics",
    "metrics",
    summary="Metrics for Prometheus",
    tag="service",
    response=_response("text/plain", "string", "Metrics in Prometheus' text format."),
)
def scrape_metrics() -> Response:
    return metrics.scrape()
