"""OpenTelemetry spans of a request and its steps, with the extra `paramcount[otel]` and an exporter's endpoint."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from flask import Flask, Response

from service.context import current_request, current_state

try:
    from opentelemetry import propagate, trace
except ImportError:  # the extra is not installed
    trace = None  # type: ignore[assignment]

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"

_NO_SPAN: AbstractContextManager[None] = nullcontext()


def is_enabled() -> bool:
    """Return whether spans are exported."""
    return trace is not None and ENDPOINT in os.environ


def start_span(name: str) -> AbstractContextManager[Any]:
    """Start the span of one step of the current request."""
    if trace is None or "span" not in current_state():
        return _NO_SPAN
    return trace.get_tracer("paramcount").start_as_current_span(name)


def start_exporter() -> None:
    """Export spans to the endpoint in the environment; in a worker, since a thread does not survive a fork."""
    if not is_enabled():
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": "paramcount"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def register(app: Flask) -> None:
    """Start a span for every request, in the caller's trace (W3C traceparent)."""
    if not is_enabled():
        return

    @app.before_request
    def begin() -> None:
        request = current_request()
        route = request.url_rule.rule if request.url_rule else "none"
        context = propagate.extract({name.lower(): value for name, value in request.headers})
        tracer = trace.get_tracer("paramcount")
        current = tracer.start_as_current_span(f"{request.method} {route}", context, trace.SpanKind.SERVER)
        state = current_state()
        state.span = current.__enter__()
        state.end_span = current.__exit__

    @app.after_request
    def set_status(response: Response) -> Response:
        current_state().span.set_attribute("http.response.status_code", response.status_code)
        return response

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        end_span: Callable[..., Any] | None = current_state().pop("end_span", None)
        if end_span is not None:
            end_span(None, None, None)
