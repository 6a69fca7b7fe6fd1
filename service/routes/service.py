"""The routes of the service itself: the probes, the limits, the contract and the metrics."""

from __future__ import annotations

from flask import Blueprint, Response

from paramcount.schema.registry import FORMATS, LAYERS
from service.context import current_app, current_request, current_settings
from service.contract import openapi
from service.contract.operations import json_response, operation, typed_response
from service.middleware import metrics
from service.middleware.proxy import cacheable
from service.responses import respond_json

blueprint = Blueprint("service", __name__)


@operation(
    blueprint.get,
    "/livez",
    "livez",
    summary="Liveness probe",
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
    summary="Readiness probe",
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
    summary="The limits of a request",
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
    summary="The contract as JSON",
    tag="service",
    response=json_response({"type": "object"}, "The OpenAPI document."),
    public=True,
)
@cacheable
def show_contract() -> Response:
    document = openapi.build_document(current_app())
    return respond_json(document | {"servers": [{"url": current_request().script_root or "/"}]})


@operation(
    blueprint.get,
    "/openapi.yaml",
    "openapi_yaml",
    summary="The contract as YAML",
    tag="service",
    response=typed_response("application/yaml", "object", "The OpenAPI document."),
    public=True,
)
@cacheable
def show_contract_as_yaml() -> Response:
    return Response(openapi.render_yaml(current_app()), content_type="application/yaml")


@operation(
    blueprint.get,
    "/metrics",
    "metrics",
    summary="Metrics for Prometheus",
    tag="service",
    response=typed_response("text/plain", "string", "Metrics in Prometheus' text format."),
)
def scrape_metrics() -> Response:
    return metrics.scrape()
