"""The routes beside the counts: what is registered, the contract, the probes."""

from __future__ import annotations

from base64 import b64encode
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import orjson
from flask import Blueprint, Response, request, send_from_directory

from paramcount.model.errors import ArchitectureError, UnknownLayer
from paramcount.schema.registry import FORMATS, LAYERS, LayerType, resolve
from service import openapi
from service import requests as asking
from service.middleware import metrics
from service.problems import HTTPProblem, sentence
from service.requests import JSON

views = Blueprint("views", __name__)

_NOTHING_FROM_OUTSIDE = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


def answer(data: Any, status: int = HTTPStatus.OK) -> Response:
    """Data as a JSON response."""
    return Response(orjson.dumps(data), status, content_type=JSON)


@views.get("/v1/layers")
def layers() -> Response:
    return answer({"layers": [_summary(kind) for kind in LAYERS.values()]})


@views.get("/v1/layers/<kind>")
def layer(kind: str) -> Response:
    try:
        found = resolve(kind, "")
    except ArchitectureError as error:
        status = HTTPStatus.NOT_FOUND if isinstance(error, UnknownLayer) else HTTPStatus.UNPROCESSABLE_ENTITY
        raise HTTPProblem(status, sentence(error.detail)) from None
    signature = found.signature
    inputs = [parameter.name for parameter in signature.inputs]
    return answer(_summary(found) | {"inputs": inputs, "config": signature.json_schema})


def _summary(kind: LayerType) -> dict[str, Any]:
    return {"type": kind.name, "doc": kind.doc, "source": _source(kind.origin)}


def _source(module: str) -> str:
    return "built-in" if module.partition(".")[0] == "paramcount" else module


@views.get("/v1/formats")
def formats() -> Response:
    described = [
        {
            "format": found.name,
            "doc": found.doc,
            "media_types": sorted({JSON, found.media}),
            "source": _source(found.read.__module__),
            "example": _example(found.example),
        }
        for found in FORMATS.values()
    ]
    return answer({"formats": described})


def _example(example: Any) -> Any:
    return {"base64": b64encode(example).decode()} if isinstance(example, bytes) else example


@views.get("/openapi.json")
def openapi_json() -> Response:
    return answer(openapi.document() | {"servers": [{"url": request.script_root or "/"}]})


@views.get("/openapi.yaml")
def openapi_yaml() -> Response:
    return Response(openapi.as_yaml(), content_type="application/yaml")


@views.get("/docs")
def docs() -> Response:
    page = (openapi.ASSETS / "index.html").read_bytes()
    return Response(
        page, headers={"Content-Security-Policy": _NOTHING_FROM_OUTSIDE}, content_type="text/html; charset=utf-8"
    )


@views.get("/docs/<path:name>")
def docs_asset(name: str) -> Response:
    return send_from_directory(openapi.ASSETS, name)


@views.get("/v1/limits")
def limits() -> Response:
    return answer(asking.settings().by_name)


@views.get("/metrics")
def scrape() -> Response:
    return metrics.scrape()


@views.get("/livez")
def livez() -> Response:
    return answer({"status": "alive"})


@views.get("/readyz")
def readyz() -> Response:
    return answer({"status": "ready", "layers": len(LAYERS), "formats": len(FORMATS)})


@views.get("/")
def index() -> Response:
    return answer(
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
