"""Operations of the contract: each is declared once, beside the view that carries it out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar, cast

from flask import Flask
from marshmallow import Schema

from paramcount.rendering import JSON
from paramcount.requests.schemas import Strict
from service.context import current_request
from service.middleware.access import allow_anyone
from service.requests.queries import parse_query

View = TypeVar("View", bound=Callable[..., Any])

BODY_PROBLEMS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_ACCEPTABLE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
"""The statuses of an operation that reads a document and renders an answer."""


class Operation(NamedTuple):
    """One method of one path; schemas are marshmallow's, or JSON Schema."""

    method: str
    path: str  # a variable in braces: /v1/layers/{type}
    name: str  # the operationId
    summary: str
    tag: str
    response: Mapping[str, Any]  # of status 200
    request: Mapping[str, Any]  # the body's content by media type; empty where there is no body
    parameters: tuple[Mapping[str, Any], ...]  # of the path
    query: type[Schema]  # the options of the query string; NoQuery where there are none
    problems: tuple[HTTPStatus, ...]  # beside those that every operation has
    probe: bool  # needs no token, and is answered however busy the service is
    public: bool  # needs no token


class NoQuery(Strict):
    """The options of an operation that has none."""


def take_query(view: View, schema: type[Schema] = NoQuery) -> View:
    """Return the view behind a check of its query string. The view raises Problems."""

    @wraps(view)
    def checked(**variables: Any) -> Any:
        text = current_request().environ.get("QUERY_STRING", "")
        if schema is not NoQuery:
            variables["query"] = parse_query(text, schema)
        elif text:
            parse_query(text, schema)
        return view(**variables)

    return cast("View", checked)


Expand = Callable[[Operation], Iterable[Operation]]
"""Makes of a route with a variable one operation for each value."""

_declared: dict[Callable[..., Any], tuple[Operation, Expand]] = {}


def operation(
    route: Callable[[str], Callable[[View], View]],
    rule: str,
    name: str,
    *,
    summary: str,
    tag: str,
    response: Mapping[str, Any],
    request: Mapping[str, Any] = MappingProxyType({}),
    parameters: tuple[Mapping[str, Any], ...] = (),
    query: type[Schema] = NoQuery,
    problems: tuple[HTTPStatus, ...] = (),
    probe: bool = False,
    public: bool = False,
    expand: Expand = lambda declared: (declared,),
) -> Callable[[View], View]:
    """Register a view with `route`, a blueprint's `get` or `post`, and record its operation for the contract.

    The contract names a variable of the rule by the operation's path parameter. A view with a `query` gets the parsed
    query string as its argument `query`; parameters that it does not declare are refused.
    """
    path = rule
    for parameter in parameters:
        path = re.sub("<[^>]*>", f"{{{parameter['name']}}}", path, count=1)

    def declare(view: View) -> View:
        declared = Operation(
            method=route.__name__,
            path=path,
            name=name,
            summary=summary,
            tag=tag,
            response=response,
            request=request,
            parameters=parameters,
            query=query,
            problems=problems,
            probe=probe,
            public=public,
        )
        checked = take_query(allow_anyone(view) if public else view, query)
        _declared[checked] = declared, expand
        return route(rule)(checked)

    return declare


def declared_operations(app: Flask) -> Iterator[Operation]:
    """Yield the operations of the app's views, in the order in which the views were registered."""
    for view in app.view_functions.values():
        if view in _declared:
            declared, expand = _declared[view]
            yield from expand(declared)


def typed_response(media: str, schema_type: str, description: str) -> dict[str, Any]:
    """Describe a response of one media type."""
    return {"description": description, "content": {media: {"schema": {"type": schema_type}}}}


def json_response(schema: Any, description: str, text_media: Iterable[str] = ()) -> dict[str, Any]:
    """Describe a response of JSON, or of text in other media types."""
    content = {JSON: {"schema": schema}}
    content |= {media: {"schema": {"type": "string"}} for media in text_media if media != JSON}
    return {"description": description, "content": content}
