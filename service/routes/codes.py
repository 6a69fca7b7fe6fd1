"""GET /problems: what each code of an error or a warning means, a page for each."""

from __future__ import annotations

from html import escape
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response
from marshmallow import fields, validate

from paramcount.model.codes import ERROR_CODES, PAGES, WARNING_CODES
from paramcount.model.errors import did_you_mean
from paramcount.rendering import JSON
from paramcount.requests.schemas import Strict
from service.context import current_request
from service.contract.operations import json_response, operation
from service.middleware.proxy import cacheable
from service.problems import HTTPProblem, end_sentence
from service.requests.media_types import negotiate_media_type
from service.responses import respond_json

blueprint = Blueprint("codes", __name__)

HTML = "text/html"

_PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{code}</title></head>
<body style="font: 1rem/1.5 system-ui; max-width: 40rem; margin: 3rem auto; padding: 0 1rem">
<h1><code>{code}</code></h1>
{meanings}
<p><a href="../docs">The contract</a></p>
</body></html>
"""

_KINDS = {"error": ERROR_CODES, "warning": WARNING_CODES}


class Code(Strict):
    """A code, and what it means."""

    code = fields.String(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(tuple(_KINDS)))
    detail = fields.String(required=True)


class CodeList(Strict):
    """Codes of errors and warnings."""

    codes = fields.List(fields.Nested(Code), required=True)


@operation(
    blueprint.get,
    PAGES,
    "problems",
    summary="The codes of errors and warnings",
    tag="registry",
    response=json_response(CodeList, "All codes."),
)
@cacheable
def list_codes() -> Response:
    return respond_json({"codes": [_describe(kind, code) for kind, codes in _KINDS.items() for code in codes]})


@operation(
    blueprint.get,
    f"{PAGES}/<code>",
    "problem",
    summary="What a code means",
    tag="registry",
    parameters=({"in": "path", "name": "code", "required": True, "schema": {"type": "string"}, "example": "required"},),
    response=json_response(CodeList, "The code, as an error, as a warning, or as both.", (HTML,)),
    problems=(HTTPStatus.NOT_FOUND, HTTPStatus.NOT_ACCEPTABLE),
)
@cacheable
def show_code(code: str) -> Response:
    meanings = [_describe(kind, code) for kind, codes in _KINDS.items() if code in codes]
    if not meanings:
        detail = (
            f'"{code[:100]}" is no code of an error or a warning{did_you_mean(code, (*ERROR_CODES, *WARNING_CODES))}'
        )
        raise HTTPProblem(HTTPStatus.NOT_FOUND, end_sentence(detail))
    if negotiate_media_type(current_request(), (JSON, HTML)) == JSON:
        response = respond_json({"codes": meanings})
    else:
        lines = "".join(f"<h2>{each['kind']}</h2><p>{escape(each['detail'])}</p>" for each in meanings)
        response = Response(_PAGE.format(code=escape(code), meanings=lines), content_type=f"{HTML}; charset=utf-8")
    response.vary.add("Accept")
    return response


def _describe(kind: str, code: str) -> dict[str, Any]:
    return {"code": code, "kind": kind, "detail": _KINDS[kind][code]}
