"""The pages for people: the index, which in a browser counts what is dropped on it, and the documentation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from importlib.metadata import version
from mimetypes import guess_type
from pathlib import Path
from typing import get_args

import brotli
import orjson
from flask import Blueprint, Response, abort

from paramcount.analysis.training_memory import OPTIMIZERS, PRECISIONS
from paramcount.model.tensors import Convention
from paramcount.rendering import HTML, JSON, TEXT
from paramcount.rendering.page import SCRIPTS, WEB
from service.context import current_request
from service.contract.operations import json_response, operation, take_query, typed_response
from service.middleware.access import allow_anyone
from service.middleware.proxy import cacheable
from service.requests.media_types import prefers
from service.responses import content_type, respond_json

blueprint = Blueprint("pages", __name__)

ASSETS = Path(__file__).parents[1] / "assets"

_PAGE = ASSETS / "page"
_DOCS_ASSETS = {path.name: path for path in ASSETS.iterdir() if path.is_file()}
_PAGE_ASSETS = {path.name: path for folder in (WEB, _PAGE) for path in folder.iterdir()}
_PAGE_SCRIPTS = (*SCRIPTS, "source.js", "app.js")
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DOCS_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


@operation(
    blueprint.get,
    "/",
    "index",
    summary="The main paths; in a browser, a page that counts what is dropped on it",
    tag="service",
    response=json_response({"type": "object"}, "Name, version and main paths of the service.", (HTML,)),
    public=True,
)
@cacheable
def show_index() -> Response:
    if prefers(current_request(), HTML, JSON):
        headers = {"Content-Security-Policy": _PAGE_POLICY}
        response = Response(_render_page(), headers=headers, content_type=content_type(HTML))
    else:
        response = _list_paths()
    response.vary.add("Accept")
    return response


def _list_paths() -> Response:
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


@lru_cache
def _render_page() -> bytes:
    """Return the page: its scripts, and the choices of its options."""
    choices = {
        "conventions": get_args(Convention),
        "optimizers": sorted(OPTIMIZERS),
        "precisions": [name for name in PRECISIONS if name != "fp32"],  # that is the default
    }
    scripts = "\n".join(f'<script defer src="page/{name}"></script>' for name in _PAGE_SCRIPTS)
    page = (_PAGE / "index.html").read_text()
    return page.replace("CHOICES", orjson.dumps(choices).decode()).replace("SCRIPTS", scripts).encode()


def _send_asset(assets: Mapping[str, Path], name: str) -> Response:
    """Return a file; compressed once for all requests, as Swagger UI takes a good part of a second."""
    if (path := assets.get(name)) is None:
        abort(HTTPStatus.NOT_FOUND)
    accepts_brotli = current_request().accept_encodings.quality("br") > 0
    body = _compress(path) if accepts_brotli else path.read_bytes()
    response = Response(body, content_type=content_type(guess_type(name)[0] or TEXT))
    if accepts_brotli:
        response.content_encoding = "br"
    response.vary.add("Accept-Encoding")
    return response


@lru_cache(maxsize=64)
def _compress(path: Path) -> bytes:
    compressed: bytes = brotli.compress(path.read_bytes(), quality=6)
    return compressed


@blueprint.get("/page/<path:name>")
@take_query
@allow_anyone
@cacheable
def send_page_asset(name: str) -> Response:
    return _send_asset(_PAGE_ASSETS, name)


@operation(
    blueprint.get,
    "/docs",
    "docs",
    summary="The contract in a browser",
    tag="service",
    response=typed_response(HTML, "string", "A page that shows the OpenAPI document."),
    public=True,
)
@cacheable
def show_docs() -> Response:
    headers = {"Content-Security-Policy": _DOCS_POLICY}
    return Response((ASSETS / "index.html").read_bytes(), headers=headers, content_type=content_type(HTML))


@blueprint.get("/docs/<path:name>")
@take_query
@allow_anyone
@cacheable
def send_docs_asset(name: str) -> Response:
    return _send_asset(_DOCS_ASSETS, name)
