"""Spans: in the caller's trace."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.service.conftest import serve
from tests.service.contract import MODEL


def test_spans_continue_the_callers_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    client = serve()
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    caller = "0af7651916cd43dd8448eb211c80319c"
    client.post("/v1/count", json={"architecture": MODEL}, headers={"traceparent": f"00-{caller}-b7ad6b7169203331-01"})
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == ["read", "count", "render", "POST /v1/count"]
    assert {f"{span.context.trace_id:032x}" for span in spans} == {caller}
