"""POST /v1/export/{registry}: an envelope is counted, and the report answered as a model registry takes it."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from flask import Blueprint, Response

from paramcount.model.errors import did_you_mean
from paramcount.rendering import JSON
from paramcount.rendering.exports import EXPORTS
from paramcount.requests.envelope import load_envelope
from service.context import current_request, current_settings
from service.contract.operations import BODY_PROBLEMS, Operation, json_response, operation
from service.problems import HTTPProblem, end_sentence
from service.requests.body import read_json_body
from service.requests.media_types import negotiate_media_type
from service.responses import respond_json
from service.routes.count import BODY, measure_count

blueprint = Blueprint("export", __name__)


def _for_each_registry(declared: Operation) -> Iterator[Operation]:
    for registry, export in EXPORTS.items():
        yield declared._replace(
            path=f"/v1/export/{registry}",
            name=f"export_{registry}",
            summary=f"Count a model for {registry}",
            response=json_response({"type": "object"}, (export.__doc__ or "").partition("\n")[0]),
        )


@operation(
    blueprint.post,
    "/v1/export/<registry>",
    "export",
    summary="Count a model for a registry",
    tag="count",
    request={JSON: {"schema": BODY}},
    response=json_response({"type": "object"}, "The report as the registry takes it."),
    problems=BODY_PROBLEMS,
    expand=_for_each_registry,
)
def export_envelope(registry: str) -> Response:
    if registry not in EXPORTS:
        detail = f'"{registry[:100]}" is no registry that is known{did_you_mean(registry, EXPORTS)}'
        raise HTTPProblem(HTTPStatus.NOT_FOUND, end_sentence(detail))
    request, settings = current_request(), current_settings()
    negotiate_media_type(request, (JSON,))
    report = measure_count(load_envelope(read_json_body(request, settings)), settings)
    return respond_json(EXPORTS[registry](report))
